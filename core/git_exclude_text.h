/* The text of a git exclude file with lines of ours in it. Pure functions. */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>

/* appends a pattern for exactly that directory, "/sub/dir/", in git's syntax. 0, -EINVAL (it has a newline), -ENOMEM */
int exclude_text_pattern(struct buf *out, const char *relative);
/* made: the file was made for this. 0 or -ENOMEM */
int exclude_text_add(struct buf *text, bool made, const char *mountpoint, const char *pattern);
/*
 * Removes the entries whose mountpoint `chosen` picks. *made: the file was once made for an entry, and
 * none is left. How many were removed, or -ENOMEM
 */
int exclude_text_remove(struct buf *text, bool (*chosen)(const char *mountpoint, const void *arg), const void *arg,
			bool *made);
