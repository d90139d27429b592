/*
 * For tests: the layouts of a build in which everything that can lie otherwise does, as those of a newer
 * version would; it converts from those that users have, and back.
 */
#include "core/base/slab.h"
#include "core/journal.h"
#include "fs/layout.h"
#include "fs/replay_queue.h"
#include "fs/sidedoor_memory.h"
#include "fs/table.h"
#include "fs/window_negative.h"
#include "tests/upgrade/journal_other.h"
#include "tests/upgrade/outside_other.h"
#include <string.h>

#define PLAIN_LANES 1
#define PLAIN_NODES 1
#define PLAIN_JOURNAL 1
#define PLAIN_REPLAY 1
#define PLAIN_SIDEDOOR 1

/* ---- as they lie in the layout that users have ---- */

struct plain_intent {
	uint32_t state, opcode;
	int32_t error;
	uint32_t had;
	uint64_t dir, node, other, offset;
	int64_t begun_ns;
};

struct plain_lane {
	struct plain_intent intent;
	uint32_t crashes, sending, reply_size;
	char reply[REPLY_SIZE];
	int64_t since_ns;
	uint64_t requests, replies;
	struct count_changes counts;
	_Alignas(4096) char request[REQUEST_SIZE];
};

struct plain_lanes {
	uint32_t init_size;
	char init[256];
	uint32_t next_sequence;
	struct plain_lane lane[LANES_MAX];
};

struct plain_node {
	_Atomic uint32_t used;
	uint32_t sequence;
	struct identity is;
	_Atomic uint64_t lookups;
	uint32_t hash_next, names, children, version;
};

_Static_assert(sizeof(struct plain_lane) == 1093632 && sizeof(struct plain_node) == 64, "see layout_plain.c");
_Static_assert(sizeof(struct node) != sizeof(struct plain_node), "this build lies as the others do");

/* ---- requests ---- */

#define COPY_INTENT(to, from)                      \
	do {                                       \
		(to)->state = (from)->state;       \
		(to)->opcode = (from)->opcode;     \
		(to)->error = (from)->error;       \
		(to)->had = (from)->had;           \
		(to)->dir = (from)->dir;           \
		(to)->node = (from)->node;         \
		(to)->other = (from)->other;       \
		(to)->offset = (from)->offset;     \
		(to)->begun_ns = (from)->begun_ns; \
	} while (0)

/* of a request as much as there is: a megabyte for each lane would take long */
static size_t request_size(const char *request)
{
	uint32_t len = ((const struct fuse_in_header *)request)->len;

	return len > 4096 && len <= REQUEST_SIZE ? len : 4096;
}

#define COPY_LANE(to, from)                                                            \
	do {                                                                           \
		COPY_INTENT(&(to)->intent, &(from)->intent);                           \
		(to)->crashes = (from)->crashes;                                       \
		(to)->sending = (from)->sending;                                       \
		(to)->reply_size = (from)->reply_size;                                 \
		memcpy((to)->reply, (from)->reply, REPLY_SIZE);                        \
		(to)->since_ns = (from)->since_ns;                                     \
		(to)->requests = (from)->requests;                                     \
		(to)->replies = (from)->replies;                                       \
		(to)->counts = (from)->counts;                                         \
		memcpy((to)->request, (from)->request, request_size((from)->request)); \
	} while (0)

#define COPY_LANES(to, from)                                          \
	do {                                                          \
		(to)->init_size = (from)->init_size;                  \
		memcpy((to)->init, (from)->init, sizeof((to)->init)); \
		(to)->next_sequence = (from)->next_sequence;          \
		for (uint32_t i = 0; i < shared->lane_count; i++)     \
			COPY_LANE(&(to)->lane[i], &(from)->lane[i]);  \
	} while (0)

static int lanes_to_other(const void *old, size_t old_size, void *fresh, size_t fresh_size)
{
	const struct plain_lanes *from = old;
	struct lanes *to = fresh;

	COPY_LANES(to, from);
	return 0;
}

static int lanes_from_other(const void *old, size_t old_size, void *fresh, size_t fresh_size)
{
	const struct lanes *from = old;
	struct plain_lanes *to = fresh;

	COPY_LANES(to, from);
	return 0;
}

/* ---- nodes ---- */

#define COPY_NODE(to, from)                        \
	do {                                       \
		(to)->sequence = (from)->sequence; \
		(to)->is = (from)->is;             \
		(to)->lookups = (from)->lookups;   \
	} while (0) /* what is derived is made anew */

static void node_to_other(const void *old, void *fresh)
{
	const struct plain_node *from = old;
	struct node *to = fresh;

	COPY_NODE(to, from);
}

static void node_from_other(const void *old, void *fresh)
{
	const struct node *from = old;
	struct plain_node *to = fresh;

	COPY_NODE(to, from);
}

static int nodes_to_other(const void *from, size_t from_size, void *to, size_t to_size)
{
	struct slab s;
	int r = slab_open(&s, to, to_size, sizeof(struct node), offsetof(struct node, used));

	return r < 0 ? r
		     : slab_convert(from, from_size, sizeof(struct plain_node), offsetof(struct plain_node, used), &s,
				    node_to_other);
}

static int nodes_from_other(const void *from, size_t from_size, void *to, size_t to_size)
{
	struct slab s;
	int r = slab_open(&s, to, to_size, sizeof(struct plain_node), offsetof(struct plain_node, used));

	return r < 0 ? r
		     : slab_convert(from, from_size, sizeof(struct node), offsetof(struct node, used), &s,
				    node_from_other);
}

/* ---- all ---- */

static const struct converter converters[] = {
	{ AREA_LANES, PLAIN_LANES, LANES_LAYOUT, LANES_SIZE, lanes_to_other },
	{ AREA_LANES, LANES_LAYOUT, PLAIN_LANES, sizeof(struct plain_lanes), lanes_from_other },
	{ AREA_NODES, PLAIN_NODES, NODES_LAYOUT, NODES_SIZE, nodes_to_other },
	{ AREA_NODES, NODES_LAYOUT, PLAIN_NODES, NODES_SIZE, nodes_from_other },
	{ AREA_JOURNAL, PLAIN_JOURNAL, JOURNAL_LAYOUT, JOURNAL_SIZE, journal_to_other },
	{ AREA_JOURNAL, JOURNAL_LAYOUT, PLAIN_JOURNAL, JOURNAL_SIZE, journal_from_other },
	{ AREA_REPLAY, PLAIN_REPLAY, REPLAY_LAYOUT, REPLAY_SIZE, replay_to_other },
	{ AREA_REPLAY, REPLAY_LAYOUT, PLAIN_REPLAY, PLAIN_REPLAY_SIZE, replay_from_other },
	{ AREA_SIDEDOOR, PLAIN_SIDEDOOR, SIDEDOOR_LAYOUT, sizeof(struct sidedoor_memory), sidedoor_to_other },
	{ AREA_SIDEDOOR, SIDEDOOR_LAYOUT, PLAIN_SIDEDOOR, sizeof(struct sidedoor_memory), sidedoor_from_other },
};

const struct layouts layouts = {
	.number = {
		[AREA_LANES] = LANES_LAYOUT,
		[AREA_NODES] = NODES_LAYOUT,
		[AREA_NAMES] = NAMES_LAYOUT,
		[AREA_JOURNAL] = JOURNAL_LAYOUT,
		[AREA_REPLAY] = REPLAY_LAYOUT,
		[AREA_SIDEDOOR] = SIDEDOOR_LAYOUT,
		[AREA_ECHOES] = ECHOES_LAYOUT,
		[AREA_ABSENT] = ABSENT_LAYOUT,
	},
	.size_bytes = {
		[AREA_LANES] = LANES_SIZE,
		[AREA_NODES] = NODES_SIZE,
		[AREA_NAMES] = NAME_CLASSES * NAMES_SIZE,
		[AREA_JOURNAL] = JOURNAL_SIZE,
		[AREA_REPLAY] = REPLAY_SIZE,
		[AREA_SIDEDOOR] = sizeof(struct sidedoor_memory),
		[AREA_ECHOES] = ECHOES_SIZE,
		[AREA_ABSENT] = ABSENT_SIZE,
	},
	.converters = converters,
	.converter_count = ARRAY_SIZE(converters),
};
