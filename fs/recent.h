/*
 * What has happened a moment ago, to a path or a node. Of what somebody else does behind the mount we hear a little
 * later, so what we do meanwhile crosses it unseen: who notes here before, and asks after, finds that out. May be true
 * of others too (keys share places). Any thread; a successor holds everything for recent that it cannot know.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RECENT_PLACES 8192

struct recent {
	_Atomic int64_t noted_ns[RECENT_PLACES];
};

/* Paths that have been compared: as if what is heard of only now were newer than it is. Noted before that is published. */
extern struct recent recent_compared;
/* Nodes that were changed behind the mount. Noted before the kernel is told. */
extern struct recent recent_outside;
/* Nodes that were made by way of the mount. Noted before that is answered. */
extern struct recent recent_made;

void recent_note(struct recent *r, uint64_t key);
bool recent_is(const struct recent *r, uint64_t key);
uint64_t recent_path(const char *path); /* its key */
