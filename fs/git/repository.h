/*
 * One git repository with a work tree: read by libgit2, or, where libgit2 refuses it (partial clones,
 * sha256, extensions newer than it), by the program git alone. hrfs-git's one thread.
 */
#pragma once
#include "core/base/buf.h"
#include <git2.h>
#include <stdbool.h>

struct repository {
	git_repository *git;		    /* NULL: only the program git can read it */
	char *workdir, *gitdir, *commondir; /* absolute, no slash at the end */
};

/*
 * The repository whose work tree dir lies in (search), or starts at (not search). 0, -ENOENT: there is
 * none that may be read; why then says so when it is more than that, -errno
 */
int repository_open(struct repository **out, const char *dir, bool search, struct buf *why);
void repository_free(struct repository *r);
/*
 * Does libgit2 call this path ignored, or a directory that it is in? path: relative to workdir, not
 * empty, '/' behind a directory. True also when it cannot tell: git has the last word. clear: what is
 * known from the paths before it, empty at the beginning of a batch and for another repository.
 */
bool repository_may_ignore(struct repository *r, const char *path, struct buf *clear);
