/* Where the files of mounts are: DIR/hrfs/MAJOR:MINOR.{sock,log,json}. Pure but for stat and mkdir; any thread. */
#pragma once
#include "core/base/buf.h"
#include <sys/types.h>

/*
 * The directory for mounts made by this process, made when it is not there (0700; 0755 for root's in
 * /run, whose mounts others may ask): $XDG_RUNTIME_DIR/hrfs, /run/hrfs for root, /tmp/hrfs-UID/hrfs.
 * -EPERM when it is there and somebody else's.
 */
int rundir_own(struct buf *out);
/* The n-th directory in which a client looks for a mount; -ENOENT: there are no more. */
int rundir_nth(unsigned n, struct buf *out);
/* DIR/MAJOR:MINOR.KIND */
int rundir_file(struct buf *out, const char *dir, dev_t dev, const char *kind);
