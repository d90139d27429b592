/* Which paths changed after a tick, and which changed longest ago: those go when there is no room. */
#include "core/journal_parts.h"
#include <errno.h>
#include <string.h>

static tick_t last_of(struct journal *j, const struct path_item *p)
{
	return p->newest ? state_at(j, p->newest)->last : 0;
}

bool jorder_is_current(struct journal *j, const struct order_item *item)
{
	const struct path_item *p = path_at(j, item->path);

	return p->used && p->serial == item->serial && last_of(j, p) == item->tick;
}

/* without the items that are no longer current */
static void compact(struct journal *j)
{
	struct order *o = &j->order;
	size_t kept = 0, sorted = 0;

	for (size_t i = o->head; i < o->count; i++) {
		if (i == o->sorted)
			sorted = kept;
		if (jorder_is_current(j, &o->items[i]))
			o->items[kept++] = o->items[i];
	}
	o->sorted = o->sorted >= o->count ? kept : sorted;
	o->count = kept;
	o->head = 0;
}

static int grow(struct order *o)
{
	size_t size = o->size ? o->size * 2 : 256;
	struct order_item *bigger = reallocarray(o->items, size, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	o->items = bigger;
	o->size = size;
	return 0;
}

void jorder_add(struct journal *j, uint32_t path)
{
	struct order *o = &j->order;
	const struct path_item *p = path_at(j, path);
	struct order_item item = { last_of(j, p), path, p->serial };

	if (o->lost)
		return;
	if (o->count == o->size && j->published * 2 < o->count)
		compact(j);
	if (o->count == o->size && grow(o) < 0) {
		/* never a change less in an answer: made anew when it is asked for */
		o->lost = true;
		return;
	}
	if (o->sorted == o->count && (o->count == o->head || o->items[o->count - 1].tick <= item.tick))
		o->sorted++;
	o->items[o->count++] = item;
}

/* from all paths */
static int make_anew(struct journal *j)
{
	struct order *o = &j->order;

	o->head = o->count = o->sorted = 0;
	o->lost = false;
	for (uint32_t i = slab_next(&j->paths, 0); i && !o->lost; i = slab_next(&j->paths, i)) {
		if (path_at(j, i)->newest)
			jorder_add(j, i);
	}
	return o->lost ? -ENOMEM : 0;
}

static int by_tick(const void *a, const void *b)
{
	const struct order_item *x = a, *y = b;

	return x->tick < y->tick ? -1 : x->tick > y->tick;
}

/* the first item in [from, to), which is in order, that is later than the tick */
static size_t first_later(const struct order *o, size_t from, size_t to, tick_t tick)
{
	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (o->items[middle].tick <= tick)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

int jorder_prepare(struct journal *j)
{
	struct order *o = &j->order;
	tick_t earliest = UINT64_MAX;
	size_t from;

	if (o->lost && make_anew(j) < 0)
		return -ENOMEM;
	if (o->sorted >= o->count)
		return 0;
	/* marks are published a little out of order: only what lies behind the earliest of them moves */
	for (size_t i = o->sorted; i < o->count; i++)
		earliest = o->items[i].tick < earliest ? o->items[i].tick : earliest;
	from = first_later(o, o->head, o->sorted, earliest);
	qsort(o->items + from, o->count - from, sizeof(*o->items), by_tick);
	o->sorted = o->count;
	return 0;
}

size_t jorder_after(const struct journal *j, tick_t tick)
{
	return first_later(&j->order, j->order.head, j->order.count, tick);
}

/* in order of their changes, until no more than `bytes` are in use; how many went */
static size_t drop_to(struct journal *j, size_t bytes)
{
	struct order *o = &j->order;
	size_t dropped = 0;

	if (!j->idle || jorder_prepare(j) < 0)
		return 0;
	for (size_t i = o->head; i < o->count && j->idle && journal_bytes(j) > bytes; i++) {
		struct order_item item = o->items[i];

		if (!jorder_is_current(j, &item) || path_at(j, item.path)->mark)
			continue;
		/* first nobody is to ask for it any more, then it goes */
		if (j->header->oldest < item.tick)
			PUBLISH(j->header->oldest, item.tick);
		jpath_free(j, item.path);
		dropped++;
	}
	while (o->head < o->count && !jorder_is_current(j, &o->items[o->head]))
		o->head++;
	return dropped;
}

void jorder_keep_limit(struct journal *j)
{
	/* some at once, since it may have to look at many that have to stay */
	if (journal_bytes(j) > j->limit_bytes)
		drop_to(j, j->limit_bytes - j->limit_bytes / 16);
}

bool jorder_drop_some(struct journal *j)
{
	size_t bytes = journal_bytes(j);

	return drop_to(j, bytes - bytes / 16 - 1) > 0;
}
