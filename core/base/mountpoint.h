/*
 * Mounting and unmounting as root where others may rename a directory above, and put a link in its place: a path without
 * links is walked without following any.
 */
#pragma once

/* O_PATH of the directory; mount at fd_path() of it. -errno, -ELOOP where there is a link */
int mountpoint_open(const char *path);
/* As umount2(); the last part of the path is never a link that is followed. 0 or -errno */
int mountpoint_unmount(const char *path, int flags);
