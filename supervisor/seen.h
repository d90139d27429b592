/*
 * What a path is like that a job has read, as far as it can matter to the job: its content, or its names, and what tells by one
 * stat that these are as they were. Plain values. seen_look() reads files; any thread.
 */
#pragma once
#include "core/state.h"
#include <stdbool.h>
#include <stdint.h>

#define SEEN_MAX_BYTES (64UL * 1024 * 1024) /* of larger ones stat alone says whether they have changed */

struct seen {
	struct state state; /* of a directory that was listed, content is that of its names */
	uint64_t size, inode; /* inode 0: its times do not tell whether it is as it was */
	int64_t mtime_ns, ctime_ns;
};

/* what is not known: equal to nothing */
struct seen seen_nothing(void);
/*
 * root: of the tree, a descriptor; path: below it, "" for itself; how: bits of enum read_how. What was seen before is believed
 * where stat shows nothing else; before may be NULL.
 */
void seen_look(int root, const char *path, unsigned how, const struct seen *before, struct seen *out);
/* true only when it is known */
bool seen_equal(const struct seen *a, const struct seen *b);
