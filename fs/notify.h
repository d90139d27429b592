/*
 * The only thread that notifies the kernel. It may wait for an answer that only another thread of the
 * mount (or a successor) can give, so it has a descriptor table of its own: nobody waits for it.
 */
#pragma once
#include "fs/fuse.h"

/* 0 or -errno; requests may ask for notices (notify_invalidate() in fs/ops.h) from then on */
int notify_start(struct fuse_session *fuse);
