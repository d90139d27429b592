/* The keeper's children. They inherit what they are to have and nothing else. */
#pragma once
#include "fs/shared.h"
#include <sys/types.h>

/* The worker; *control is the keeper's end of its socket. The pid or -errno */
pid_t spawn_worker(int memfd, int *control);
/* hrfs-git as the owner of the tree, its socket in c->git_fd. 0: there is none, nothing counts as ignored */
pid_t spawn_git(struct worker_config *c);
