#include "tests/upgrade/outside_other.h"
#include "core/base/slab.h"
#include "fs/replay_shared.h"
#include "fs/sidedoor_memory.h"
#include <string.h>

/* as they lie in the layout that users have */
struct plain_watch {
	uint32_t used;
	uint32_t index, sequence;
	uint32_t flags;
	tick_t since;
	struct hash key;
};

struct plain_replay {
	uint32_t active;
	uint64_t nowhere;
	uint64_t sequence;
	struct echo echo;
};

_Static_assert(sizeof(struct plain_watch) == 40 && sizeof(struct plain_replay) == 10840, "see layout_plain.c");
_Static_assert(sizeof(struct plain_replay) <= PLAIN_REPLAY_SIZE, "as many pages as it needs");

#define COPY_WATCH(to, from)                       \
	do {                                       \
		(to)->index = (from)->index;       \
		(to)->sequence = (from)->sequence; \
		(to)->flags = (from)->flags;     \
		(to)->since = (from)->since;       \
		(to)->key = (from)->key;           \
	} while (0)

#define COPY_REPLAY(to, from)                      \
	do {                                       \
		(to)->active = (from)->active;     \
		(to)->nowhere = (from)->nowhere;   \
		(to)->sequence = (from)->sequence; \
		(to)->echo = (from)->echo;         \
	} while (0)

static void watch_to_other(const void *old, void *fresh)
{
	const struct plain_watch *from = old;
	struct watch *to = fresh;

	COPY_WATCH(to, from);
}

static void watch_from_other(const void *old, void *fresh)
{
	const struct watch *from = old;
	struct plain_watch *to = fresh;

	COPY_WATCH(to, from);
}

/* What stands before the watches lies as it did: events are the kernel's. */
static int convert(const void *old, size_t old_item, size_t old_used, void *fresh, size_t item, size_t used,
		   void (*copy)(const void *old, void *fresh))
{
	const struct sidedoor_memory *from = old;
	struct sidedoor_memory *to = fresh;
	struct slab s;
	int r = slab_open(&s, to->watches, SIDEDOOR_WATCHES, item, used);

	memcpy(to, from, offsetof(struct sidedoor_memory, watches));
	return r < 0 ? r : slab_convert(from->watches, SIDEDOOR_WATCHES, old_item, old_used, &s, copy);
}

int sidedoor_to_other(const void *from, size_t from_size, void *to, size_t to_size)
{
	return convert(from, sizeof(struct plain_watch), offsetof(struct plain_watch, used), to, sizeof(struct watch),
		       offsetof(struct watch, used), watch_to_other);
}

int sidedoor_from_other(const void *from, size_t from_size, void *to, size_t to_size)
{
	return convert(from, sizeof(struct watch), offsetof(struct watch, used), to, sizeof(struct plain_watch),
		       offsetof(struct plain_watch, used), watch_from_other);
}

int replay_to_other(const void *old, size_t old_size, void *fresh, size_t fresh_size)
{
	const struct plain_replay *from = old;
	struct replay_memory *to = fresh;

	COPY_REPLAY(to, from);
	return 0;
}

int replay_from_other(const void *old, size_t old_size, void *fresh, size_t fresh_size)
{
	const struct replay_memory *from = old;
	struct plain_replay *to = fresh;

	COPY_REPLAY(to, from);
	return 0;
}
