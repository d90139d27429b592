/* Where a project begins. Asks the file system; one thread. */
#pragma once
#include "core/base/buf.h"

/*
 * The directory above `dir` (absolute) that looks like the project's root: what is in a git work tree
 * without being its top, or below a go.mod or package.json. *marker: which file says so.
 * 0, -ENOENT: none above, or `dir` is a repository itself
 */
int project_above(const char *dir, struct buf *root, const char **marker);
/* dir or the nearest one above it that holds this file. 0 or -ENOENT */
int project_find_up(const char *dir, const char *file, struct buf *found);
