/*
 * What outlives a worker of the replay of changes made behind the mount (fs/replay.h): who the helper
 * is, which the keeper says, and what it is just made to believe, which is in an area of its own. That is
 * written by the replay's thread while the helper has nothing to do, and read by the request threads.
 */
#pragma once
#include "core/base/layout.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Of struct replay_memory and what it holds. Another number for each change (fs/layout.h). */
#define REPLAY_LAYOUT LAYOUT(1)

#define ECHO_DEPTH_MAX 128 /* directories above a name; deeper ones are not echoed */
#define REPLAY_TOKEN_SIZE 48

enum replay_act {
	REPLAY_PING, /* nothing: its answer says that all before it is over */
	REPLAY_MAKE,
	REPLAY_REMOVE,
	REPLAY_MOVE,
	REPLAY_CHANGE, /* in place: the bits below */
};

enum { CHANGE_MODIFY = 1, CHANGE_CLOSE = 2, CHANGE_ATTRIB = 4 };

/* A name, and the way to it from the root as it was when the change took place. */
struct echo_spot {
	uint64_t dir; /* id; 0: nowhere in the tree */
	char name[NAME_MAX + 1];
	uint32_t depth;
	uint64_t way[ECHO_DEPTH_MAX]; /* ids of the directories from below the root to dir, dir included */
	char path[PATH_MAX];	      /* their names, joined by '/'; "": the root itself */
};

/* One harmless operation of the helper, and what its lookups are answered for it. */
struct echo {
	uint32_t act, change;	   /* enum replay_act */
	mode_t type;		   /* S_IFMT of the object */
	uint64_t node;		   /* the object: its own old node, or one made to be thrown away; 0: not known yet */
	uint64_t replaced;	   /* of a move: what was at the new name and is gone; 0: nothing */
	struct echo_spot from, to; /* to: of a move only */
};

/* In struct shared. */
struct replay_helper {
	int32_t pid; /* set before the helper is told anything, 0 again before its number can be another's */
	char token[REPLAY_TOKEN_SIZE]; /* a name in the root that only the helper finds: a directory that is nowhere */
};

/* In AREA_REPLAY. */
struct replay_memory {
	LAYOUT_OTHER_SPACE
	uint32_t active;   /* echo holds; stored last */
	uint64_t nowhere;  /* the token's node, while the kernel knows it */
	uint64_t sequence; /* of the helper's tasks */
	struct echo echo;
};
