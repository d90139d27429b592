/* Paths are bytes, NUL-terminated, '/' between names. Pure functions, any thread. */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>

/* "a/b" is below "a" and below "" (the root of a tree); not below itself */
bool path_is_below(const char *path, const char *dir);
/* after the last '/', or the whole */
const char *path_base(const char *path);
/* dir + '/' + name; just name when dir is empty. 0 or -ENOMEM */
int path_join(struct buf *out, const char *dir, const char *name);
/* absolute, "." and ".." and doubled slashes resolved by text alone, relative to cwd. 0 or -errno */
int path_absolute(struct buf *out, const char *cwd, const char *path);
/* mkdir -p; 0 or -errno */
int path_make_dirs(const char *path, unsigned mode);
/* is the name one that editors make for a moment (4913, .x.swp, x~, .#x, #x#, x___jb_tmp___)? */
bool path_is_editor_temporary(const char *name);
