/* The keeper's children. They inherit what they are to have and nothing else. */
#pragma once
#include "fs/program.h"
#include "fs/shared.h"

/* The worker; *control is the keeper's end of its socket. The pid or -errno */
pid_t spawn_worker(const struct program *p, int memfd, int *control);
/*
 * A worker of another program, of which it first sends the descriptors (CONTROL_PROGRAM, CONTROL_GIT_PROGRAM). What it
 * says on its standard error goes to `errors` until it has found that it fits. The pid or -errno
 */
pid_t spawn_candidate(const char *worker_path, const char *git_path, int memfd, int errors, int *control);
/* hrfs-git as the owner of the tree, with the keeper's end of its door (fs/git/serve.h); it ends when that is closed. The pid or -errno */
pid_t spawn_git(const struct program *p, const struct worker_config *c, int *door);
/* The helper for replay, with the worker's end of its socket; it ends when that is closed. The pid or -errno */
pid_t spawn_replay(const struct program *p, const struct worker_config *c, int *socket);
