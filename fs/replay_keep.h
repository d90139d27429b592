/*
 * The keeper's part of replay: it starts the helper when the worker first wants it, and once more when it has
 * died; it hands the same one on to a successor. The keeper's thread only.
 */
#pragma once
#include <sys/types.h>

/* control: of the worker that asks */
void helper_wanted(int control);
/* Before a worker is to serve: it gets the helper that there is. */
void helper_hand_over(int control);
/* What is started from now on is of another program: the one there is ends, and is handed on no more. */
void helper_renew(void);
/* A child has ended and is not yet waited for: from now on nothing counts as this helper's. */
void helper_ended(pid_t pid);
/* and now it is; another is started if the worker has asked meanwhile */
void helper_reaped(pid_t pid, int control);
/* The mount has ended, and so is the helper to: its pid, 0 where there is none. */
pid_t helper_leave(void);
