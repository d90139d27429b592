/* Which commit a work tree's HEAD names, by git's own files: git is not run. Any thread. */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"

struct git_head {
	char *commit;	  /* its name; of an unborn branch "ref: …"; of refs kept in tables, a text that differs when any does */
	struct strv dirs; /* absolute: whatever HEAD comes to name, something in one of these changes */
};

#define AUTO_GIT_HEAD AUTO_DONE(git_head) struct git_head

/* top: absolute, of a work tree. 0; -ENOENT: there is none; -errno */
int git_head_find(const char *top, struct git_head *out);
/* the same of the work tree that dir (absolute) is in, or is */
int git_head_find_around(const char *dir, struct git_head *out);
void git_head_done(struct git_head *h);
