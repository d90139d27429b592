#include "tests/upgrade/journal_other.h"
#include "core/journal_parts.h"
#include <errno.h>
#include <string.h>

#define PLAIN_LAYOUT 1

/* as they lie in the layout that users have */
struct plain_state {
	uint32_t used;
	uint32_t older;
	tick_t first, last;
	struct state state;
};

struct plain_mark {
	uint32_t used;
	uint32_t path;
	tick_t first, last;
	tick_t doubt;
	tick_t first_end;
	uint32_t in_flight, touched;
	uint32_t published;
	uint32_t effect;
	uint32_t before_at, writer_at;
	tick_t moved;
	struct before_slot befores[2];
	struct writer writers[2];
	int64_t first_ns, last_ns;
	uint32_t previous, next;
};

_Static_assert(sizeof(struct plain_state) == 48 && sizeof(struct plain_mark) == 320, "see journal.c");

#define COPY_STATE(to, from)                 \
	do {                                 \
		(to)->older = (from)->older; \
		(to)->first = (from)->first; \
		(to)->last = (from)->last;   \
		(to)->state = (from)->state; \
	} while (0)

#define COPY_MARK(to, from)                                                    \
	do {                                                                   \
		(to)->path = (from)->path;                                     \
		(to)->first = (from)->first;                                   \
		(to)->last = (from)->last;                                     \
		(to)->doubt = (from)->doubt;                                   \
		(to)->first_end = (from)->first_end;                           \
		(to)->in_flight = (from)->in_flight;                           \
		(to)->touched = (from)->touched;                               \
		(to)->published = (from)->published;                           \
		(to)->effect = (from)->effect;                                 \
		(to)->before_at = (from)->before_at;                           \
		(to)->writer_at = (from)->writer_at;                           \
		(to)->moved = (from)->moved;                                   \
		(to)->first_ns = (from)->first_ns;                             \
		(to)->last_ns = (from)->last_ns;                               \
		memcpy((to)->befores, (from)->befores, sizeof((to)->befores)); \
		memcpy((to)->writers, (from)->writers, sizeof((to)->writers)); \
	} while (0)

static void state_to_other(const void *old, void *fresh)
{
	const struct plain_state *from = old;
	struct state_item *to = fresh;

	COPY_STATE(to, from);
}

static void state_from_other(const void *old, void *fresh)
{
	const struct state_item *from = old;
	struct plain_state *to = fresh;

	COPY_STATE(to, from);
}

static void mark_to_other(const void *old, void *fresh)
{
	const struct plain_mark *from = old;
	struct mark_item *to = fresh;

	COPY_MARK(to, from);
}

static void mark_from_other(const void *old, void *fresh)
{
	const struct mark_item *from = old;
	struct plain_mark *to = fresh;

	COPY_MARK(to, from);
}

static void copy_text(const void *old, void *fresh)
{
	memcpy(fresh, old, sizeof(struct text_item));
}

static void copy_path(const void *old, void *fresh)
{
	memcpy(fresh, old, sizeof(struct path_item));
}

struct kind {
	size_t size, used; /* of an item, and where its used word is */
	void (*item)(const void *old, void *fresh);
};

#define KINDS 4

static int convert(const struct kind *from, const char *old, size_t old_size, const struct kind *to, char *fresh,
		   size_t fresh_size, uint32_t layout)
{
	struct journal_header *head = (struct journal_header *)fresh;
	size_t old_each = ((old_size - JOURNAL_HEADER_SIZE) / KINDS) & ~(size_t)63;
	size_t each = ((fresh_size - JOURNAL_HEADER_SIZE) / KINDS) & ~(size_t)63;

	memcpy(head, old, sizeof(*head));
	head->size_bytes = fresh_size;
	head->layout = layout;
	for (size_t i = 0; i < KINDS; i++) {
		struct slab s;
		int r = slab_open(&s, fresh + JOURNAL_HEADER_SIZE + i * each, each, to[i].size, to[i].used);

		if (r == 0)
			r = slab_convert(old + JOURNAL_HEADER_SIZE + i * old_each, old_each, from[i].size, from[i].used,
					 &s, to[i].item);
		if (r < 0)
			return r;
	}
	return 0;
}

/* in the order in which they lie in the region */
static const struct kind plain[KINDS] = {
	{ sizeof(struct plain_mark), offsetof(struct plain_mark, used), mark_from_other },
	{ sizeof(struct path_item), offsetof(struct path_item, used), copy_path },
	{ sizeof(struct text_item), offsetof(struct text_item, used), copy_text },
	{ sizeof(struct plain_state), offsetof(struct plain_state, used), state_from_other },
};

static const struct kind other[KINDS] = {
	{ sizeof(struct mark_item), offsetof(struct mark_item, used), mark_to_other },
	{ sizeof(struct path_item), offsetof(struct path_item, used), copy_path },
	{ sizeof(struct text_item), offsetof(struct text_item, used), copy_text },
	{ sizeof(struct state_item), offsetof(struct state_item, used), state_to_other },
};

int journal_to_other(const void *from, size_t from_size, void *to, size_t to_size)
{
	return convert(plain, from, from_size, other, to, to_size, JOURNAL_LAYOUT);
}

int journal_from_other(const void *from, size_t from_size, void *to, size_t to_size)
{
	return convert(other, from, from_size, plain, to, to_size, PLAIN_LAYOUT);
}
