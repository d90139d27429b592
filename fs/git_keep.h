/*
 * The keeper's part of hrfs-git: one for all the workers of a mount, each with a socket of its own to it
 * (fs/git/serve.h). A worker that is killed costs neither its start nor what it has read. The keeper's thread.
 */
#pragma once
#include <sys/types.h>

/* A worker begins to serve: it is sent a socket over `control`, to a new hrfs-git when there is none. */
void git_hand_over(int control);
/* Another program's hrfs-git is to serve from the next git_hand_over() on. */
void git_renew(void);
/* A child was waited for. control: of the worker that serves; -1: there is none */
void git_reaped(pid_t pid, int control);
/* It is to end. Its pid, 0: there is none */
pid_t git_leave(void);
