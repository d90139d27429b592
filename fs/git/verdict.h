/* Which of many paths are ignored. hrfs-git's one thread. */
#pragma once
#include "fs/git/forest.h"

/*
 * One '0' or '1' for each path (relative to the tree, '/' behind a directory), appended to out. What
 * cannot be found out is not ignored. 0 or -ENOMEM
 */
int verdict_on_paths(struct forest *f, const char *const *paths, size_t count, struct buf *out);
