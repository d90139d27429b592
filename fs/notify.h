/*
 * The only thread that notifies the kernel. It may wait for an answer that only another thread of the
 * mount (or a successor) can give, so it has a descriptor table of its own: nobody waits for it.
 *
 * notify_* but start: any thread, never wait, except notify_flush(). See also notify_invalidate() in fs/ops.h.
 */
#pragma once
#include "fs/fuse.h"
#include "fs/node.h"

/* 0 or -errno; notices may be asked for from then on */
int notify_start(struct fuse_session *fuse);
/*
 * Somebody looks names up in the root. Until then the kernel has no attributes of it at all, and an answer that
 * brings them is not believed when a notice overtakes it: access would be denied.
 */
void notify_root_known(void);
/* What the kernel believes of this name in this directory is wrong. */
void notify_entry(node_id dir, const char *name);
/* The same of a directory that lives on elsewhere: the kernel asks anew, and what is mounted inside stays. */
void notify_expire(node_id dir, const char *name);
/*
 * What this name leads to has changed, but no node is known by it: an answer that brings it may be on its way to the
 * kernel, or about to be. Returns before that; the notice waits for it.
 */
void notify_arriving(node_id dir, const char *name);
/* Returns when the kernel has had every notice that was asked for before. Never on a request thread: some wait for one. */
void notify_flush(void);
