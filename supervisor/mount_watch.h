/* Is the mount still where it was? Told by the kernel as soon as it is not. On the loop's thread. */
#pragma once
#include "core/base/loop.h"

struct mount_watch;

/* gone: once, from the loop. 0, -ENOENT (nothing is mounted there) or -errno */
int mount_watch_new(uv_loop_t *loop, const char *mountpoint, void (*gone)(void *arg), void *arg,
		    struct mount_watch **out);
void mount_watch_free(struct mount_watch *w);
