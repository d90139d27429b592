/*
 * What a job opens, and nobody else: a mark on the job's own copy of the mount, in a mount namespace of its own. The
 * only part of hrfs that may run with a capability (cap_sys_admin, of the file hrfs-job, for ordinary users), so
 * it stands alone, comes first, and gives the capability away. For hrfs-job's only thread.
 */
#pragma once
#include "core/base/buf.h"

/*
 * From now on this process and all that come of it live in a mount namespace of their own. *group: a fanotify group
 * that tells what is opened in the mount at this absolute path by way of it, for the caller to hand on and close. Only
 * mounts of hrfs that belong to this process's user (root: of anybody) are marked. 0; -errno: nothing is marked,
 * why (one line for people) says what is missing
 */
int witness_begin(const char *mountpoint, int *group, struct buf *why);
/* Could it, for a mount that is this user's? 0; -errno, and why. This process lives in another mount namespace then */
int witness_probe(struct buf *why);
/* an ordinary user's process has no capability from here on, nor what it executes */
void witness_drop(void);
/* hands the group on over the control socket, and with it the namespace that the paths are of, or why there is none */
void witness_tell(int control, int group, const char *why);
