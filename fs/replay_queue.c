#include "fs/replay_queue.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/shared.h"
#include <stdatomic.h>
#include <string.h>

#define ALIGN(n) (((n) + 7) & ~(size_t)7)
#define CRASHES_MOST 2 /* of workers that were telling it */

struct place { /* of a spot; its way, its name and its path lie behind the entry, each with its NUL */
	uint64_t dir;
	uint32_t depth, name_size, path_size, zero;
};

struct entry { /* aligned to 8 bytes; it never wraps */
	uint32_t len; /* of all of it; 0: go on at the begin */
	_Atomic uint32_t done;
	uint32_t what, type;
	uint32_t begun; /* shared->crashes + 1 when it was begun; 0: it was not */
	uint32_t crashes;
	uint64_t node, replaced;
	struct place from, to;
};

static struct entry *entry_at(uint64_t at)
{
	return (struct entry *)(shared_echoes->ring + at % ECHOES_RING);
}

/* ---- writing ---- */

static struct place place_of(const struct spot *s)
{
	return (struct place){
		.dir = s->dir,
		.depth = s->depth,
		.name_size = s->name ? (uint32_t)strlen(s->name) + 1 : 0,
		.path_size = s->path ? (uint32_t)strlen(s->path) + 1 : 0,
	};
}

static size_t size_of(const struct place *p)
{
	return p->depth * sizeof(node_id) + p->name_size + p->path_size;
}

static void put(char **to, const void *from, size_t size)
{
	if (size)
		memcpy(*to, from, size);
	*to += size;
}

/* Where so much can be written at once: *at is moved there. false: there is no room */
static bool make_room(uint64_t *at, size_t need)
{
	size_t left = ECHOES_RING - *at % ECHOES_RING;
	size_t skip = left < need ? left : 0;

	if (*at + skip + need - shared_echoes->tail > ECHOES_RING)
		return false;
	if (skip)
		entry_at(*at)->len = 0;
	*at += skip;
	return true;
}

/* Published by one store of head. */
void queue_keep(struct echo_item *item)
{
	struct entry e = { .what = item->what, .type = item->type, .node = item->node, .replaced = item->replaced };
	uint64_t at = shared_echoes->head;
	char *rest;

	e.from = place_of(&item->from);
	e.to = place_of(&item->to);
	e.len = (uint32_t)ALIGN(sizeof(e) + size_of(&e.from) + size_of(&e.to));
	if (!make_room(&at, e.len))
		return;
	rest = (char *)(entry_at(at) + 1);
	put(&rest, item->from.way, e.from.depth * sizeof(node_id));
	put(&rest, item->to.way, e.to.depth * sizeof(node_id));
	put(&rest, item->from.name, e.from.name_size);
	put(&rest, item->from.path, e.from.path_size);
	put(&rest, item->to.name, e.to.name_size);
	put(&rest, item->to.path, e.to.path_size);
	memcpy(entry_at(at), &e, sizeof(e));
	atomic_store(&shared_echoes->head, at + e.len);
	item->kept = at + 1;
}

void queue_begin(const struct echo_item *item)
{
	if (item->kept)
		entry_at(item->kept - 1)->begun = shared->crashes + 1;
}

/* Entries are given back in their order; those that are held for a while hold back what came after them. */
static void give_back(void)
{
	uint64_t tail = shared_echoes->tail;

	while (tail < shared_echoes->head) {
		const struct entry *e = entry_at(tail);

		if (e->len && !e->done)
			break;
		tail += e->len ? e->len : ECHOES_RING - tail % ECHOES_RING;
	}
	atomic_store(&shared_echoes->tail, tail);
}

void queue_done(const struct echo_item *item)
{
	if (!item->kept)
		return;
	entry_at(item->kept - 1)->done = 1;
	give_back();
}

/* ---- reading ---- */

/* NULL: nothing is there, or no memory */
static void *take(const char **from, size_t size)
{
	void *copy = size ? malloc(size) : NULL;

	if (copy)
		memcpy(copy, *from, size);
	*from += size;
	return copy;
}

static bool is_whole(const struct spot *s, const struct place *p)
{
	return (s->way || !p->depth) && (s->name || !p->name_size) && (s->path || !p->path_size);
}

static struct echo_item *item_of(const struct entry *e)
{
	struct echo_item *item = calloc(1, sizeof(*item));
	const char *rest = (const char *)(e + 1);

	if (!item)
		return NULL;
	item->what = e->what;
	item->type = e->type;
	item->node = e->node;
	item->replaced = e->replaced;
	item->from = (struct spot){ .dir = e->from.dir, .depth = e->from.depth };
	item->to = (struct spot){ .dir = e->to.dir, .depth = e->to.depth };
	item->from.way = take(&rest, e->from.depth * sizeof(node_id));
	item->to.way = take(&rest, e->to.depth * sizeof(node_id));
	item->from.name = take(&rest, e->from.name_size);
	item->from.path = take(&rest, e->from.path_size);
	item->to.name = take(&rest, e->to.name_size);
	item->to.path = take(&rest, e->to.path_size);
	if (is_whole(&item->from, &e->from) && is_whole(&item->to, &e->to))
		return item;
	echo_free(item);
	return NULL;
}

/* A worker crashed while it told this one, and perhaps by it: not for ever. */
static bool is_hopeless(struct entry *e)
{
	if (e->begun && e->begun != shared->crashes + 1)
		e->crashes++;
	e->begun = 0;
	if (e->crashes < CRASHES_MOST)
		return false;
	log_error("event=echo_given_up what=%#x why=\"%u workers crashed while they told it\"", e->what, e->crashes);
	return true;
}

void queue_inherit(void (*fn)(struct echo_item *item))
{
	uint64_t at = shared_echoes->tail;

	while (at < shared_echoes->head) {
		struct entry *e = entry_at(at);
		struct echo_item *item;

		if (!e->len) {
			at += ECHOES_RING - at % ECHOES_RING;
			continue;
		}
		item = e->done || is_hopeless(e) ? NULL : item_of(e);
		if (item) {
			item->kept = at + 1;
			fn(item);
		} else {
			e->done = 1;
		}
		at += e->len;
	}
	give_back();
}
