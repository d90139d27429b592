/*
 * A mount inside a work tree, kept out of `git add -A`: two lines in the repository's info/exclude for as
 * long as it lasts, a comment that is ours and the pattern. Everything else in the file stays as it is,
 * byte for byte. Any thread. Root does it with the rights of the repository's owner only.
 */
#pragma once
#include "core/base/buf.h"

/*
 * exclude_file: COMMONDIR/info/exclude, made if it is missing (COMMONDIR must be there). mountpoint:
 * absolute, below worktree, and mounted already: what is entered for places where nothing is mounted
 * (any more) is taken out by the way. 1: entered, 0: the repository says the same already by a line of
 * ours, -errno
 */
int git_exclude_add(const char *exclude_file, const char *worktree, const char *mountpoint);
/* Takes the lines out; a file that was made for them and has nothing else is removed. 1: done, 0: there were none, -errno */
int git_exclude_remove(const char *exclude_file, const char *mountpoint);
