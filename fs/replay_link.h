/* The worker's end of the socket to the helper. The replay's thread, except where it says otherwise. */
#pragma once
#include "fs/replay_helper.h"

/* 0 or -errno; the main thread */
int helper_link_open(int control);
/* any thread: another helper, taken over; -1: there will be none any more */
void helper_link_use(int fd);
/* any thread: whoever waits here is told -ECANCELED from now on */
void helper_link_cancel(void);
/*
 * Until there is a helper and it has nothing to do: what it is made to believe may be changed then. 0, -ECANCELED,
 * -ENOTCONN (there will be none)
 */
int helper_link_ready(void);
/* Tells it and waits for its answer. 0, -EPIPE (it has died), -ECANCELED */
int helper_link_do(struct replay_task *t, struct replay_result *result);
