/*
 * A mount inside a git work tree is kept out of that repository while it lasts, or `git add -A` would copy
 * the tree into it. One thread.
 */
#pragma once
#include "core/base/buf.h"
#include <sys/types.h>

/* Enters it. 1: done, *file says where; 0: it is in no work tree, or there already; -errno */
int exclude_enter(const char *mountpoint, const char *socket_path, struct buf *file);
/* what a dead mount with this device left behind; its own daemon does it when it ends by itself */
void exclude_leave_dead(dev_t dev, const char *mountpoint);
