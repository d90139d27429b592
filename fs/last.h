/*
 * The last process of a mount: it sleeps until the keeper is dead, and ends a connection that does not end by itself.
 *
 * A notice that waits for a page or a directory which a client has locked can't be killed, and holds the device
 * open: when keeper and workers die at that moment, the kernel sees a connection that is still served, and
 * the client would wait for an answer for ever. Notices that can't wait don't exist for pages and names.
 */
#pragma once
#include <sys/types.h>

/* The keeper, once the mount is made and before any worker. The pid or -errno */
pid_t last_start(void);
/* It has ended without a reason of ours: another one is started, if it does not end again and again. */
void last_reaped(pid_t pid);
/* The mount has ended in order: so does it, and is waited for. */
void last_end(void);
