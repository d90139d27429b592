/*
 * The worker's end of the socket to hrfs-git: one question at a time, each with a time-out. An answer
 * that comes too late is still heard. Not on request threads; any number of others.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called once for each question that was sent; data NULL: it is never answered. Under the link's lock */
typedef void link_heard(void *arg, const char *data, size_t len);

/* socket: owned from now on; -1: nobody is there */
int link_start(int socket);
/* Questions without an answer are told so. */
void link_stop(void);
/*
 * 0: heard() has been called. -ETIMEDOUT: it will be, later. Else it never is: -EBUSY (an earlier
 * question has not been answered in its time), -EPIPE (there is no helper), -EMSGSIZE, -ENOMEM
 */
int link_ask(const char *message, size_t len, link_heard *heard, void *arg, int64_t deadline_ns);
/* Is there a helper, as far as is known? Never waits. */
bool link_is_there(void);
int64_t link_now_ns(void);
