/* Paths of the tree on the lower, never through the mount, never through a symbolic link. Any thread. */
#pragma once

/*
 * O_PATH of what is at `path` (relative to root_fd; "" is that itself) now, however long the path is;
 * the last component may be a symbolic link, which is then what is opened. A descriptor or -errno;
 * -ENOENT and -ENOTDIR, also for a link on the way: nothing is there.
 */
int reach(int root_fd, const char *path);
