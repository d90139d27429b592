/* As whom and in what environment repositories are read. Before any thread and before libgit2 is begun. */
#pragma once

/*
 * A repository may be hostile, and git refuses one of somebody else's: root becomes the owner of path.
 * HOME becomes ours when it is not; what would name another repository leaves the environment. 0 or -errno
 */
int owner_become(const char *path);
