/*
 * The only threads that notify the kernel. They may wait for an answer that only another thread of the
 * mount (or a successor) can give, so each has a descriptor table of its own: nobody waits for it.
 *
 * notify_* but start: any thread, never wait, except notify_flush() and where it says so. See also notify_invalidate() in fs/ops.h.
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
bool notify_root_is_known(void);
/* What the kernel believes of this name in this directory is wrong. */
void notify_entry(node_id dir, const char *name);
/* The same of a directory that lives on elsewhere: the kernel asks anew, and what is mounted inside stays. */
void notify_expire(node_id dir, const char *name);
/*
 * What this name leads to has changed, but no node is known by it: an answer that brings it may be on its way to the
 * kernel, or about to be. Returns before that; the notice waits for it.
 */
void notify_arriving(node_id dir, const char *name);
/* What the kernel knows of this directory is old, names too: also what somebody is about to be answered who lists it. */
void notify_listing(node_id dir);
/*
 * The file's pages and attributes are old. wait: until they are dropped, but no longer than a moment: READ may hang.
 * In a queue of its own.
 */
void notify_pages(node_id id, bool wait);
/* The directory's listing that the kernel has is not to be kept. Sent at once; on a request thread */
void notify_listing_old(node_id dir);
/* Returns when the kernel has had every notice that was asked for before. Never on a request thread: some wait for one. */
void notify_flush(void);
