/* One change as the helper's operations. The replay's thread only, but for echo_note(). */
#pragma once
#include "fs/foreign.h"
#include "fs/replay_shared.h"
#include <stdbool.h>

struct spot {
	node_id dir; /* 0: nowhere in the tree */
	char *name, *path;
	node_id *way;
	uint32_t depth;
};

/* A change, with the ways to its names as they were. */
struct echo_item {
	struct echo_item *next;
	uint64_t kept; /* where it lies in the queue that outlives the worker, + 1 (fs/replay_queue.h); 0: nowhere */
	uint32_t what;
	mode_t type;
	node_id node, replaced;
	struct spot from, to;
};

/* A copy with all it needs, or NULL: no memory, or nothing inside can be told of it. Any thread */
struct echo_item *echo_note(const struct foreign_change *c);
void echo_free(struct echo_item *item);
/*
 * Carries it out. watched: does somebody watch this object itself, as far as is known? 0; -ECANCELED: the replay
 * ends; -ENOTCONN: there is no helper any more; else why a part of it was not told
 */
int echo_carry_out(const struct echo_item *item, bool (*watched)(node_id id));
