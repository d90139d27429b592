/* The journal as a whole: opening a region, new or left by a dead worker; ticks, pins, limits. */
#include "core/journal_parts.h"
#include <errno.h>
#include <string.h>

#define SLABS 4
#define FIRST_BUCKETS 1024

/* Whoever must change one of these changes the layout: give it the next number, and a converter (fs/layout.h). */
_Static_assert(JOURNAL_LAYOUT != 1 || (sizeof(struct text_item) == 64 && sizeof(struct state_item) == 48 &&
				       sizeof(struct path_item) == 144 && sizeof(struct mark_item) == 320),
	       "another layout of the journal");

tick_t journal_next_tick(struct journal *j)
{
	PUBLISH(j->header->tick, j->header->tick + 1);
	return j->header->tick;
}

size_t journal_bytes(const struct journal *j)
{
	return j->text_count * sizeof(struct text_item) + j->state_count * sizeof(struct state_item) +
	       j->path_count * sizeof(struct path_item) + j->mark_count * sizeof(struct mark_item);
}

/* ---- what a successor makes of the region ---- */

/* One flag for each item of a slab: somebody leads to it. NULL: no memory */
static uint8_t *flags_for(const struct slab *s)
{
	return calloc(slab_end(s), 1);
}

/* every item that a path leads to; -EINVAL: it leads nowhere, or two lead to one */
static int reach(const struct slab *s, uint8_t *flags, uint32_t index, const uint32_t *used)
{
	if (index >= slab_end(s) || !*used || flags[index])
		return -EINVAL;
	flags[index] = 1;
	return 0;
}

/* a state that its newer one was just absorbing: it says nothing any more */
static void drop_absorbed(struct journal *j, struct state_item *s)
{
	while (s->older && s->older < slab_end(&j->states) && state_at(j, s->older)->last >= s->first)
		PUBLISH(s->older, state_at(j, s->older)->older);
}

static int reach_from(struct journal *j, const struct path_item *p, uint8_t *texts, uint8_t *states)
{
	size_t pieces = (p->len + TEXT_BYTES - 1) / TEXT_BYTES;
	int r = 0;

	for (uint32_t i = p->text; r == 0 && pieces; pieces--) {
		r = reach(&j->texts, texts, i, &text_at(j, i)->used);
		if (r == 0)
			i = text_at(j, i)->next;
	}
	for (uint32_t i = p->newest; r == 0 && i;) {
		r = reach(&j->states, states, i, &state_at(j, i)->used);
		if (r < 0)
			break;
		drop_absorbed(j, state_at(j, i));
		i = state_at(j, i)->older;
	}
	return r;
}

/* what was made for something that was never published, or hung on something that went */
static size_t free_unreached(struct slab *s, const uint8_t *flags)
{
	size_t kept = 0;

	for (uint32_t i = slab_next(s, 0); i; i = slab_next(s, i)) {
		if (flags[i])
			kept++;
		else
			slab_free(s, i);
	}
	return kept;
}

static int adopt_paths(struct journal *j, uint8_t *texts, uint8_t *states)
{
	AUTO_BUF text = { 0 };
	int r = 0;

	for (uint32_t i = slab_next(&j->paths, 0); r == 0 && i; i = slab_next(&j->paths, i)) {
		struct path_item *p = path_at(j, i);

		r = reach_from(j, p, texts, states);
		if (r == 0)
			r = jpath_text(j, i, &text);
		p->hash = jpath_hash(buf_str(&text), text.len);
		p->mark = 0;
		p->serial = ++j->serial;
		j->path_count++;
		if (p->newest)
			j->published++;
	}
	j->idle = j->published;
	if (r == 0) {
		j->text_count = free_unreached(&j->texts, texts);
		j->state_count = free_unreached(&j->states, states);
	}
	return r;
}

/*
 * What the dead worker was doing: whether it took place, nobody knows, so it has ended now and had
 * an effect. What only the worker held is lost. The successor begins its requests anew.
 */
static void end_requests(struct journal *j, struct mark_item *m)
{
	struct before_slot before = *jmark_before(m);

	if (before.how == BEFORE_PENDING)
		before.state = state_unknown();
	before.state.hashed = before.how == BEFORE_HELD ? 0 : before.state.hashed;
	if (before.how == BEFORE_PENDING || before.how == BEFORE_HELD)
		jmark_set_before(m, BEFORE_KNOWN, &before.state, 0);
	if (!m->in_flight) {
		/* a request that had not begun, or had failed, or has been published: cut off within it */
		if (m->doubt && !m->first_end)
			PUBLISH(m->doubt, 0);
		return;
	}
	PUBLISH(m->last, journal_next_tick(j));
	m->effect = 1;
	if (m->doubt && !m->first_end)
		PUBLISH(m->first_end, m->last);
	PUBLISH(m->in_flight, 0);
}

/*
 * A directory had moved, and the dead worker may not have walked it: what lies below has changed
 * without a mark, so no clock before now is answered.
 */
static void end_moves(struct journal *j)
{
	for (uint32_t i = j->first_mark; i; i = mark_at(j, i)->next) {
		if ((mark_at(j, i)->touched & TOUCH_TREE) && mark_at(j, i)->doubt) {
			PUBLISH(j->header->oldest, journal_next_tick(j));
			return;
		}
	}
}

static int adopt_marks(struct journal *j)
{
	for (uint32_t i = slab_next(&j->marks, 0); i; i = slab_next(&j->marks, i)) {
		struct mark_item *m = mark_at(j, i);
		struct path_item *p = path_at(j, m->path);

		if (!m->path || m->path >= slab_end(&j->paths) || !p->used || p->mark)
			return -EINVAL;
		if (!m->first || (!m->last && !m->in_flight)) {
			slab_free(&j->marks, i); /* its request had not been noted yet */
			continue;
		}
		p->mark = i;
		end_requests(j, m);
		jmark_link(j, i);
		j->mark_count++;
		j->moves += (m->touched & TOUCH_TREE) != 0;
		if (p->newest)
			j->idle--;
	}
	return 0;
}

static int adopt(struct journal *j)
{
	AUTO_FREE uint8_t *texts = flags_for(&j->texts);
	AUTO_FREE uint8_t *states = flags_for(&j->states);
	size_t buckets = FIRST_BUCKETS;
	int r = texts && states ? adopt_paths(j, texts, states) : -ENOMEM;

	if (r == 0)
		r = adopt_marks(j);
	if (r == 0 && j->moves)
		end_moves(j);
	while (buckets < j->path_count)
		buckets *= 2;
	if (r == 0)
		r = jpath_index_build(j, buckets);
	if (r < 0)
		return r;
	for (uint32_t i = slab_next(&j->paths, 0); i; i = slab_next(&j->paths, i))
		jpath_collect(j, i);
	for (size_t i = 0; i < JOURNAL_PINS; i++) {
		if (j->header->pins[i].count)
			j->pin_end = i + 1;
	}
	j->order.lost = true;
	return 0;
}

/* ---- opening ---- */

static int open_slabs(struct journal *j, char *region, size_t size_bytes)
{
	size_t each = ((size_bytes - JOURNAL_HEADER_SIZE) / SLABS) & ~(size_t)63;
	char *at = region + JOURNAL_HEADER_SIZE;
	int r = slab_open(&j->marks, at, each, sizeof(struct mark_item), offsetof(struct mark_item, used));

	if (r == 0)
		r = slab_open(&j->paths, at + each, each, sizeof(struct path_item), offsetof(struct path_item, used));
	if (r == 0)
		r = slab_open(&j->texts, at + 2 * each, each, sizeof(struct text_item),
			      offsetof(struct text_item, used));
	if (r == 0)
		r = slab_open(&j->states, at + 3 * each, each, sizeof(struct state_item),
			      offsetof(struct state_item, used));
	return r;
}

static int open_region(struct journal *j, void *region, size_t size_bytes)
{
	struct journal_header *h = region;
	int r;

	if (size_bytes < 2 * JOURNAL_HEADER_SIZE || (uintptr_t)region % 8)
		return -EINVAL;
	if (h->layout && (h->layout != JOURNAL_LAYOUT || h->size_bytes != size_bytes))
		return -EINVAL;
	j->header = h;
	r = open_slabs(j, region, size_bytes);
	if (r < 0)
		return r;
	if (!h->layout) {
		h->size_bytes = size_bytes;
		PUBLISH(h->layout, JOURNAL_LAYOUT);
	}
	return adopt(j);
}

int journal_open(struct journal **out, void *region, size_t size_bytes)
{
	struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	pthread_mutex_init(&j->lock, NULL);
	j->limit_bytes = JOURNAL_DEFAULT_LIMIT;
	r = open_region(j, region, size_bytes);
	if (r < 0) {
		journal_close(j);
		return r;
	}
	*out = j;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	pthread_mutex_destroy(&j->lock);
	free(j->buckets);
	free(j->order.items);
	free(j);
}

/* ---- what concerns no single path ---- */

void journal_set_limit(struct journal *j, size_t bytes)
{
	pthread_mutex_lock(&j->lock);
	j->limit_bytes = bytes;
	jorder_keep_limit(j);
	pthread_mutex_unlock(&j->lock);
}

tick_t journal_tick(struct journal *j)
{
	return __atomic_load_n(&j->header->tick, __ATOMIC_ACQUIRE);
}

tick_t journal_take_tick(struct journal *j)
{
	tick_t tick;

	pthread_mutex_lock(&j->lock);
	tick = journal_next_tick(j);
	pthread_mutex_unlock(&j->lock);
	return tick;
}

tick_t journal_oldest(struct journal *j)
{
	return __atomic_load_n(&j->header->oldest, __ATOMIC_ACQUIRE);
}

static int pin(struct journal *j, tick_t at)
{
	struct pin *pins = j->header->pins, *place = NULL;

	for (size_t i = JOURNAL_PINS; i--;) {
		if (pins[i].count && pins[i].at == at) {
			place = &pins[i];
			break;
		}
		if (!pins[i].count)
			place = &pins[i];
	}
	if (!place)
		return -ENOSPC;
	place->at = at;
	PUBLISH(place->count, place->count + 1);
	if ((size_t)(place - pins) >= j->pin_end)
		j->pin_end = (size_t)(place - pins) + 1;
	return 0;
}

int journal_pin(struct journal *j, tick_t at)
{
	int r;

	pthread_mutex_lock(&j->lock);
	r = pin(j, at);
	pthread_mutex_unlock(&j->lock);
	return r;
}

void journal_unpin(struct journal *j, tick_t at)
{
	struct pin *pins = j->header->pins;

	pthread_mutex_lock(&j->lock);
	for (size_t i = 0; i < j->pin_end; i++) {
		if (pins[i].count && pins[i].at == at) {
			PUBLISH(pins[i].count, pins[i].count - 1);
			break;
		}
	}
	pthread_mutex_unlock(&j->lock);
}

void journal_stats(struct journal *j, struct journal_stats *out)
{
	pthread_mutex_lock(&j->lock);
	*out = (struct journal_stats){
		.paths = j->path_count,
		.states = j->state_count,
		.marks = j->mark_count,
		.bytes = journal_bytes(j),
	};
	pthread_mutex_unlock(&j->lock);
}
