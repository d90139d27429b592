/*
 * The repositories of one tree: the one that the tree lies in, and those nested in it (submodules,
 * clones). Found as paths ask for them, forgotten by forest_forget(). hrfs-git's one thread.
 */
#pragma once
#include "core/base/map.h"
#include "core/base/strv.h"
#include "fs/git/repository.h"

#define FOREST_MAX_REPOSITORIES 256
#define FOREST_MAX_DIRS 8192 /* known to hold no repository; beyond, everything is forgotten */

struct forest {
	char *path; /* as it was given, perhaps by way of links that may lead elsewhere later */
	char *root; /* where that led when it was looked for; absolute, no slash at the end */
	bool looked;
	struct repository *top; /* NULL: the tree is in none */
	char *prefix;		/* in top->workdir: "" or "sub/dir/" */
	struct map nested;	/* directory of the tree -> struct repository, not top */
	struct map plain;	/* directories of the tree without a .git */
	struct strv met;	/* where one was ever nested: not forgotten, for forest_dirs() */
	struct buf why;		/* why there is no top, where there is more to say than that */
};

int forest_init(struct forest *f, const char *root);
void forest_done(struct forest *f);
/* What was found is looked for anew when next asked for, all rules read again. */
void forest_forget(struct forest *f);
/* Looks for top unless that has been done. */
void forest_look(struct forest *f);
/*
 * The questions that a path's verdict is made of, outermost repository first: fn for each, with the path
 * in that repository. The path is ignored when one of them says so. 0 or fn's first non-zero answer
 */
int forest_ask(struct forest *f, const char *path, int (*fn)(struct repository *r, const char *inside, void *arg),
	       void *arg);
/* The git directories known: top's own first, its common one, its submodules', the nested ones'. 0 or -ENOMEM */
int forest_dirs(struct forest *f, struct strv *out);
