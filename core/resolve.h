/* Symbolic links in a path, without ever asking a FUSE file system, which might hang or be our own. Any thread. */
#pragma once
#include "core/base/buf.h"

/* the working directory as /proc names it: works in a dead mount too. 0 or -errno */
int resolve_cwd(struct buf *out);
/*
 * path (absolute) with its links followed up to the first FUSE mount on it; from there on, and from
 * the first name that isn't there, it is taken by text. 0, -ELOOP, -errno
 */
int resolve_links(struct buf *out, const char *path);
