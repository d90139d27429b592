/*
 * Creating as somebody else: a root daemon makes files under the caller's user, group and umask, each
 * of them a property of the calling thread alone. Request threads only.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* Once in each request thread, before the first request. 0 or -errno */
int caller_thread_init(void);
/* From here to caller_leave() new files are the caller's. */
void caller_enter(uid_t uid, gid_t gid, mode_t mask);
/* From here to caller_leave() no block comes from root's reserve or beyond the caller's quota, no list shows what is root's. */
void caller_enter_limits(uid_t uid, gid_t gid);
void caller_leave(void);
/* The daemon may act as others (it runs as root). */
bool caller_privileged(void);
/*
 * Is this thread, whose group is `own`, in the group? By its supplementary groups too, which a request does not
 * carry; they are asked of /proc (libfuse's way of that reads beyond its buffer).
 */
bool caller_is_in_group(pid_t tid, gid_t own, gid_t group);
