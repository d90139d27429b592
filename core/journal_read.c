/* What is asked of the journal: never "unchanged" by guess. */
#include "core/journal_parts.h"
#include <errno.h>
#include <string.h>

/* the state at a clock before the first doubt of the path's mark, if it has one */
static struct state state_without_mark(struct journal *j, const struct path_item *p, tick_t at)
{
	const struct mark_item *m = p->mark ? mark_at(j, p->mark) : NULL;
	const struct before_slot *before;

	if (p->newest)
		return jstates_at(j, p, at);
	before = m ? jmark_before(m) : NULL;
	return before && before->how == BEFORE_KNOWN ? before->state : state_unknown();
}

static struct state known_at(struct journal *j, uint32_t path, tick_t at, bool *touched)
{
	const struct path_item *p = path_at(j, path);
	const struct mark_item *m = p->mark ? mark_at(j, p->mark) : NULL;
	bool in_doubt = m && m->doubt;
	bool under_way = in_doubt && (m->in_flight || m->last > at);

	*touched = under_way || (p->newest && state_at(j, p->newest)->last > at);
	if (in_doubt && at >= m->doubt)
		return state_unknown();
	return state_without_mark(j, p, at);
}

struct state journal_state_at(struct journal *j, const char *path, tick_t at, bool *touched)
{
	struct state state = state_unknown();
	uint32_t index;

	pthread_mutex_lock(&j->lock);
	*touched = at < j->header->oldest;
	index = *touched ? 0 : jpath_find(j, path, strlen(path));
	if (index)
		state = known_at(j, index, at, touched);
	pthread_mutex_unlock(&j->lock);
	return state;
}

/* ---- since ---- */

struct question {
	tick_t since, upto;
	bool touched; /* also what is as it was, and has been touched in between */
};

struct hit { /* a path that may have changed */
	tick_t tick;
	uint32_t path, serial;
};

struct hits {
	struct hit *items;
	size_t count;
};

/* a request has ended in between, and what it did is not known yet */
static bool is_pending(const struct mark_item *m, tick_t since, tick_t upto)
{
	return m->first_end && m->first_end <= upto && m->last > since;
}

static int by_tick(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	return x->tick < y->tick ? -1 : x->tick > y->tick;
}

static void add_marks(struct journal *j, tick_t since, tick_t upto, struct hits *hits)
{
	size_t published = hits->count;

	for (uint32_t i = j->first_mark; i; i = mark_at(j, i)->next) {
		const struct mark_item *m = mark_at(j, i);
		const struct path_item *p = path_at(j, m->path);
		bool is_there = p->newest && state_at(j, p->newest)->last > since;

		if (!is_there && is_pending(m, since, upto))
			hits->items[hits->count++] = (struct hit){ m->last, m->path, p->serial };
	}
	if (hits->count > published)
		qsort(hits->items, hits->count, sizeof(*hits->items), by_tick);
}

static int collect(struct journal *j, tick_t since, tick_t upto, struct hits *hits)
{
	const struct order *o = &j->order;
	size_t from;

	if (jorder_prepare(j) < 0)
		return -ENOMEM;
	from = jorder_after(j, since);
	hits->items = malloc((o->count - from + j->mark_count + 1) * sizeof(*hits->items));
	if (!hits->items)
		return -ENOMEM;
	for (size_t i = from; i < o->count; i++) {
		const struct order_item *item = &o->items[i];

		if (jorder_is_current(j, item))
			hits->items[hits->count++] = (struct hit){ item->tick, item->path, item->serial };
	}
	add_marks(j, since, upto, hits);
	return 0;
}

/* the last state published by requests that had begun at the clock, or NULL */
static const struct state_item *published_at(struct journal *j, const struct path_item *p, tick_t at)
{
	for (uint32_t i = p->newest; i; i = state_at(j, i)->older) {
		if (state_at(j, i)->first <= at)
			return state_at(j, i);
	}
	return p->newest ? state_at(j, p->newest) : NULL;
}

/* was another state published after the clock, though it is as at the clock again? */
static bool was_another(struct journal *j, const struct path_item *p, const struct question *q, const struct state *before)
{
	for (uint32_t i = p->newest; i && state_at(j, i)->last > q->since; i = state_at(j, i)->older) {
		if (state_at(j, i)->first <= q->upto && !state_equal(&state_at(j, i)->state, before))
			return true;
	}
	return false;
}

/* fills in everything but the path; false: it is known to be as it was */
static bool compare(struct journal *j, const struct path_item *p, const struct question *q, struct change *c)
{
	tick_t since = q->since, upto = q->upto;
	const struct mark_item *m = p->mark ? mark_at(j, p->mark) : NULL;
	const struct state_item *published = published_at(j, p, upto);
	bool pending = m && is_pending(m, since, upto);
	struct state now = pending ? state_unknown() : jstates_at(j, p, upto);

	*c = (struct change){ .before = state_without_mark(j, p, since), .reason = CHANGE_REAL };
	/* what has only begun is told with a later `since`, by its doubt */
	if (pending && since >= m->doubt)
		c->before = state_unknown();
	if (!pending && !published)
		return false;
	if (state_equal(&c->before, &now)) {
		if (!q->touched || published->last <= since)
			return false;
		c->reason = was_another(j, p, q, &c->before) ? CHANGE_REVERTED : CHANGE_SAME_CONTENT;
	}
	c->after = pending ? state_unknown() : published->state;
	c->tick = pending ? m->last : published->last;
	if (pending)
		c->writer = *jmark_writer(m);
	else if (p->detail_of == p->newest)
		c->writer = p->writer;
	return true;
}

/* 1: *c is a change; 0: it is none; -ESTALE, -ENOMEM */
static int change_of(struct journal *j, const struct hit *hit, const struct question *q, struct change *c,
		     struct buf *text)
{
	const struct path_item *p = path_at(j, hit->path);
	int r = 0;

	pthread_mutex_lock(&j->lock);
	if (q->since < j->header->oldest)
		r = -ESTALE; /* paths were let go of meanwhile */
	else if (p->used && p->serial == hit->serial && compare(j, p, q, c))
		r = jpath_text(j, hit->path, text) < 0 ? -ENOMEM : 1;
	pthread_mutex_unlock(&j->lock);
	c->path = buf_str(text);
	return r;
}

static int begin(struct journal *j, struct question *q, struct hits *hits)
{
	struct journal_header *h = j->header;
	int r = 0;

	pthread_mutex_lock(&j->lock);
	if (q->upto > h->tick)
		q->upto = h->tick;
	if (q->since < h->oldest || q->since > h->tick)
		r = -ESTALE;
	else if (q->since < q->upto)
		r = collect(j, q->since, q->upto, hits);
	if (r == 0 && h->answered < q->upto)
		PUBLISH(h->answered, q->upto);
	pthread_mutex_unlock(&j->lock);
	return r;
}

static int answer(struct journal *j, struct question q, int (*fn)(const struct change *c, void *arg), void *arg)
{
	AUTO_BUF text = { 0 };
	struct hits hits = { 0 };
	int r = begin(j, &q, &hits);

	for (size_t i = 0; r == 0 && i < hits.count; i++) {
		struct change c;

		r = change_of(j, &hits.items[i], &q, &c, &text);
		if (r == 1)
			r = fn(&c, arg);
	}
	free(hits.items);
	return r;
}

int journal_since(struct journal *j, tick_t since, tick_t upto, int (*fn)(const struct change *c, void *arg), void *arg)
{
	return answer(j, (struct question){ .since = since, .upto = upto }, fn, arg);
}

int journal_touched_since(struct journal *j, tick_t since, tick_t upto, int (*fn)(const struct change *c, void *arg),
			  void *arg)
{
	return answer(j, (struct question){ .since = since, .upto = upto, .touched = true }, fn, arg);
}
