/* The keeper's children. They inherit what they are to have and nothing else. */
#pragma once
#include "fs/shared.h"
#include <sys/types.h>

/* Before the mount is made: what lies below it is answered by nobody while there is no worker. */
void spawn_prepare(void);
/* The worker; *control is the keeper's end of its socket. The pid or -errno */
pid_t spawn_worker(int memfd, int *control);
/* hrfs-git as the owner of the tree, with the worker's end of its socket; it ends when that is closed. The pid or -errno */
pid_t spawn_git(const struct worker_config *c, int *socket);
/* The helper for replay, with the worker's end of its socket; it ends when that is closed. The pid or -errno */
pid_t spawn_replay(const struct worker_config *c, int *socket);
