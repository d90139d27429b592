/* Which files of the mount a process has open for writing: asked of /proc alone, never of the mount. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inodes { /* sorted once complete */
	uint64_t *items;
	size_t count, room;
};

void inodes_done(struct inodes *s);
int inodes_add(struct inodes *s, uint64_t ino);
void inodes_sort(struct inodes *s);
int inodes_have(const struct inodes *s, uint64_t ino);

/*
 * Adds the inode numbers (as the mount, device dev, shows them) of the files that the process has open for
 * writing. 0; -EACCES: it may not be looked into; -ESRCH: gone; -errno.
 */
int open_for_writing(pid_t pid, dev_t dev, struct inodes *out);
/* The first process that has this one open for writing, 0 when none has. Slow: looks at all processes. */
pid_t open_by_whom(uint64_t ino, dev_t dev);
