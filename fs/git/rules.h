/*
 * The files that verdicts depend on and that are not in the tree, or may not be: nobody tells us of their
 * changes, so they are compared by their stamps when asked. hrfs-git's one thread.
 */
#pragma once
#include "fs/git/forest.h"
#include <stdint.h>

struct rules {
	uint64_t stamp; /* of all of them together */
};

/* Has any changed since the last call? The first call says no. */
bool rules_changed(struct rules *r, struct forest *f);
