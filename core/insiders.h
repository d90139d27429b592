/*
 * Which processes are inside a mount, or stand in a directory. By what /proc says of them alone: no
 * file system is ever asked, so a dead or hung mount does no harm. One thread.
 */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <sys/types.h>

enum insider_how { INSIDER_STANDS, INSIDER_ROOT, INSIDER_OPEN, INSIDER_MAPS, INSIDER_COPY };

struct insider {
	pid_t pid;
	char name[64];
	enum insider_how how;
	const char *path; /* as /proc tells it; valid during the call */
};

/* non-zero ends the walk and is returned */
typedef int (*insider_fn)(const struct insider *i, void *arg);

/*
 * Each process (but this one) that holds the mount with this device: once, by the first reason found. maps: look
 * into mappings too, which may wait for a process that is stuck in a page fault. 0 or -errno
 */
int insiders_of_mount(dev_t dev, bool maps, insider_fn fn, void *arg);
/*
 * Each process that has the mount where this one has not: in a mount namespace of its own, as a container has. Its
 * daemon goes on for them. -EBUSY: this process has it too, fn was called with the place as its path and no pid
 */
int insiders_of_copies(dev_t dev, insider_fn fn, void *arg);
/* each process (but this one) whose working directory is `dir` or below, by its name */
int insiders_of_directory(const char *dir, insider_fn fn, void *arg);
/* "bash (4711) stands in /a/b" */
int insider_text(const struct insider *i, struct buf *out);
/* is pid an ancestor of this process? */
bool insider_is_ancestor(pid_t pid);
/* has pid an ancestor (or is it one itself) of this name? */
bool insider_is_below(pid_t pid, const char *name);
