/*
 * What a job has read: paths of the tree, and how. Nothing but a set with limits; the loop's thread only.
 */
#pragma once
#include "core/base/map.h"
#include "core/change.h"
#include <stdbool.h>
#include <stdint.h>

#define READSET_MAX_PATHS 200000
#define READSET_MAX_BYTES (64UL * 1024 * 1024)

enum read_how { /* bits */
	READ_CONTENT = 1,  /* opened */
	READ_EXECUTED = 2, /* and run */
	READ_LISTED = 4,   /* a directory's names */
	READ_SEEN = 8,	   /* the name was asked for, and there */
	READ_ABSENT = 16,  /* … and not there */
	READ_WROTE = 32,   /* the job itself was the last to write it */
};

struct readset {
	struct map paths; /* path -> bits as a pointer */
	size_t bytes;	  /* of the paths */
	bool full;	  /* something did not fit: it is no read set any more */
};

void readset_done(struct readset *r);
/* true: that was not known yet */
bool readset_add(struct readset *r, const char *path, unsigned how);
/* takes these bits away; a path without any is gone */
void readset_drop(struct readset *r, const char *path, unsigned how);
void readset_add_all(struct readset *r, const struct readset *other);
/* bits; 0: not read */
unsigned readset_how(const struct readset *r, const char *path);

/*
 * Does the change (a real one) concern whoever has read this? A name that was asked for, or whose content was read,
 * does; a new or a removed name of a file does in a directory that was listed, unless git ignores it or an editor makes
 * such names for a moment. *how: the bits that say so, of the path itself or READ_LISTED
 */
bool readset_concerns(const struct readset *r, const struct change *c, unsigned *how);
/*
 * Directories that were made in a listed one count as listed themselves: what comes to lie in them would have been found.
 * true: there were some; again, for some may lie in those.
 */
bool readset_adopt(struct readset *r, const struct change *changes, size_t count);
/* "read", "listed", "looked for", … of the strongest bit; static */
const char *read_how_text(unsigned how);
