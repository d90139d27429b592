/*
 * A control group for the processes of one job, where a cgroup2 hierarchy may be written: everything in it is killed at
 * once, also what forks faster than a walk over /proc. Never needed: without one the walk goes on alone.
 * Blocking writes to /sys/fs/cgroup only. Any thread.
 */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <sys/types.h>

/* a new empty group below this process's own: its directory. 0; -ENOTSUP: none to be had; -errno */
int cgroup_make(struct buf *dir);
/*
 * fork(), with the child inside from its first moment (dir NULL: plainly). Only for a process of one thread. Entering
 * later makes the kernel wait until all processors have been elsewhere, which took 10 to 25 ms.
 */
pid_t cgroup_fork(const char *dir, bool *inside);
/* this process goes in. 0 or -errno. Nothing but system calls: it may be called between fork and exec */
int cgroup_enter(const char *dir);
/* SIGKILL to everything inside and below. 0 or -errno */
int cgroup_kill(const char *dir);
/* once nothing is inside; with the groups that the job made below it */
void cgroup_remove(const char *dir);
