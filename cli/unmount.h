/* Taking mounts away: by umount2 as root, else by fusermount3. Never walks into the mount. One thread. */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <sys/types.h>

/* 0, -EBUSY, -ENOENT (no fusermount3), -errno; *error says why in one line */
int unmount(const char *mountpoint, bool lazy, struct buf *error);
/* waits until the process (a keeper; pid <= 0: nobody) has ended. 0 or -ETIMEDOUT */
int unmount_wait(pid_t keeper, int timeout_ms);
/* where fusermount3 is. 0 or -ENOENT */
int unmount_find_fusermount(struct buf *path);
