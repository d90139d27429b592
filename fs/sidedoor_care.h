/*
 * What the marks do not tell: mounts put over a part of the lower, or taken away, and that the source's path leads elsewhere. And what nobody knows any
 * more gives its mark back. A thread of its own.
 */
#pragma once
#include "core/hash.h"

/* 0 or -errno */
int care_start(void);
/* The object with this key, last seen at `path` (owned), is not to be watched any more. Any thread, below any lock. */
void care_unmark(char *path, const struct hash *key);
