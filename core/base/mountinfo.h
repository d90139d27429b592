/* /proc/self/mountinfo: what is mounted where, without asking the mounts themselves. Any thread. */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <sys/types.h>

struct mountinfo_entry {
	int id, parent;
	dev_t dev;
	char *root, *mountpoint, *type, *source, *options; /* escapes undone; options: of the mount and the super block, joined by a comma */
};

void mountinfo_entry_done(struct mountinfo_entry *e);
/* fn for each mount, in the kernel's order; its non-zero answer ends the walk and is returned. 0 or -errno */
int mountinfo_each(int (*fn)(const struct mountinfo_entry *e, void *arg), void *arg);
/* the topmost one at exactly this absolute path; the caller calls mountinfo_entry_done. 0, -ENOENT, -errno */
int mountinfo_topmost(const char *mountpoint, struct mountinfo_entry *out);
/* the one that a path lies in, by text: the longest mountpoint that is the path or above it, the topmost of those */
int mountinfo_of_path(const char *path, struct mountinfo_entry *out);
