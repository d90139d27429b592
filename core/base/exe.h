/* Where hrfs's other executables are. Reads /proc/self/exe and the environment; any thread. */
#pragma once
#include "core/base/buf.h"

/*
 * "hrfs-fs", "hrfs-git", …: in $HRFS_LIBEXECDIR when that is set, else beside this one's folder when it
 * lies in a build tree, else in the installed directory. 0, -ENOENT (out holds the place looked at last) or -errno
 */
int exe_find(const char *name, struct buf *out);
/* The same for the executable `of` instead of this one: what belongs to it, wherever it lies. */
int exe_find_beside(const char *of, const char *name, struct buf *out);
