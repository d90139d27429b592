/*
 * What a tree says that it is made of beside what lies in it: other directories, by go.mod's replace, go.work's use, Cargo.toml's path,
 * package.json's file: and link:, links in node_modules and at its top. Reads files, runs nothing. Any thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"

#define OUTSIDE_MAX 32

struct outside {
	struct strv dirs; /* real absolute paths, each once, none in the tree or around it */
	struct strv whys; /* beside each, for people: "go.mod" */
};

#define AUTO_OUTSIDE AUTO_DONE(outside) struct outside

/* root: absolute. The tree's top and the directories in it are looked into. 0 or -errno */
int outside_find(const char *root, struct outside *out);
void outside_done(struct outside *o);
/* the directory that holds the tree and all of them; 0 or -ENOMEM */
int outside_parent(const struct outside *o, const char *root, struct buf *out);
/* path (absolute) as it is called from root: "../lib/x.go". 0 or -ENOMEM */
int outside_relative(const char *root, const char *path, struct buf *out);
