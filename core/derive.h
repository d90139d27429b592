/*
 * Which services a tree has when nothing says so: derived from the files by which other tools know it (go.mod,
 * package.json, Cargo.toml, manage.py, pyproject.toml, Makefile, CMakeLists.txt, Procfile, compose.yaml, .air.toml,
 * nodemon.json). Reads the tree, runs nothing. Any thread.
 *
 * What is derived comes from the tree as much as an hrfs.yaml does, a package's scripts for example: whoever starts it
 * without being asked needs the user's consent.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"
#include <stdbool.h>

/* Beside hrfs.yaml: what derived builds write, ignored by git through a .gitignore of its own. Part of the mount, so that
 * what a build writes there is seen like any other output. */
#define DERIVE_OUTPUTS ".hrfs"

struct derived_service {
	char *name;
	char *from;			   /* what says so, for people: "api/go.mod" */
	char *build, *run, *clean;	   /* NULL: none; so are the others */
	char *cwd, *ready, *reload, *stop; /* as in hrfs.yaml */
	int port;			   /* 0: none */
	int grace_ms;			   /* 0: not said */
	struct strv env;		   /* "NAME=VALUE" */
	struct strv watch, ignore;
};

struct derived {
	struct derived_service *services;
	size_t count;
	struct strv notes; /* what was left out, and why; a line each */
	bool outputs;	   /* a build writes below DERIVE_OUTPUTS */
};

/*
 * dir: absolute, the tree's root, at: where in it (relative, "" is the root itself), which is looked into. 0, also when nothing was found (count is 0; notes may say why); -EINVAL: a file can't be understood, *error
 * says which in one line; -errno
 */
int derive(const char *dir, const char *at, struct derived *out, struct buf *error);
/* The same for a command: what watchexec and nodemon are told, `go run` and `cargo run`, anything else as it is. */
int derive_command(const char *dir, char *const argv[], struct derived *out, struct buf *error);
/*
 * `go run …` and `cargo run …` as a build and a run of the service `name`, in the directory `at` of the tree. d has that one
 * service, or none: any other command stays as it is. 0 or -ENOMEM
 */
int derive_apart(const char *dir, const char *at, const char *name, char *const argv[], struct derived *d);
/*
 * Makes DERIVE_OUTPUTS in dir, where builds of d write there, with a .gitignore for all that is in it. kept: the .gitignore itself
 * is for the repository, so that whoever has its hrfs.yaml has it too. 0 or -errno
 */
int derive_prepare(const struct derived *d, const char *dir, bool kept);
/* hrfs.yaml: config_parse reads the same back. 0, -ENOMEM, -EINVAL: a name or command is no UTF-8 */
int derive_print(const struct derived *d, struct buf *out);
void derived_done(struct derived *d);
