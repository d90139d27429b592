/* Is the region what it should be? For tests. */
#include "core/journal_parts.h"
#include <errno.h>
#include <string.h>

struct counts {
	size_t texts, states, paths, marks, published, idle, in_flight;
};

static int wrong(struct buf *error, const char *what, unsigned long a, unsigned long b)
{
	buf_truncate(error, 0);
	buf_printf(error, "%s (%lu, %lu)", what, a, b);
	return -EUCLEAN;
}

static int check_states(struct journal *j, uint32_t index, const struct path_item *p, struct counts *n,
			struct buf *error)
{
	const struct state_item *newer = NULL;

	for (uint32_t i = p->newest; i; i = state_at(j, i)->older) {
		const struct state_item *s = state_at(j, i);

		if (i >= slab_end(&j->states) || !s->used)
			return wrong(error, "a path leads to a free state", index, i);
		if (++n->states > j->state_count)
			return wrong(error, "a chain of states is a circle", index, i);
		if (s->first > s->last || s->last > j->header->tick)
			return wrong(error, "a state's ticks are wrong", index, i);
		if (newer && s->last >= newer->first)
			return wrong(error, "two states overlap", index, i);
		newer = s;
	}
	if (p->detail_of && p->detail_of != p->newest)
		return wrong(error, "writer and stamp are of another state", index, p->detail_of);
	return 0;
}

static int check_path(struct journal *j, uint32_t index, struct counts *n, struct buf *error)
{
	const struct path_item *p = path_at(j, index);
	AUTO_BUF text = { 0 };
	uint32_t piece = p->text;

	for (size_t left = p->len; left; left -= left < TEXT_BYTES ? left : TEXT_BYTES) {
		if (!piece || piece >= slab_end(&j->texts) || !text_at(j, piece)->used)
			return wrong(error, "a path leads to a free piece of text", index, piece);
		n->texts++;
		piece = text_at(j, piece)->next;
	}
	if (piece)
		return wrong(error, "a path's text is longer than it says", index, piece);
	if (jpath_text(j, index, &text) < 0)
		return -ENOMEM;
	if (jpath_find(j, buf_str(&text), text.len) != index)
		return wrong(error, "a path is not found by its text", index, 0);
	if (!p->newest && !p->mark)
		return wrong(error, "a path is kept by nothing", index, 0);
	if (p->mark && (!jmark_used(j, p->mark) || mark_at(j, p->mark)->path != index))
		return wrong(error, "a path's mark is not its own", index, p->mark);
	n->paths++;
	n->published += p->newest != 0;
	n->idle += p->newest && !p->mark;
	return check_states(j, index, p, n, error);
}

static int check_mark(struct journal *j, uint32_t index, struct counts *n, struct buf *error)
{
	const struct mark_item *m = mark_at(j, index);
	tick_t tick = j->header->tick;

	if (!m->path || m->path >= slab_end(&j->paths) || path_at(j, m->path)->mark != index)
		return wrong(error, "a mark is not that of its path", index, m->path);
	if (!m->first || m->first > tick || m->last > tick || (!m->last && !m->in_flight))
		return wrong(error, "a mark's ticks are wrong", index, m->first);
	if (m->doubt > tick)
		return wrong(error, "a mark's doubt is wrong", index, m->doubt);
	if (m->first_end && (!m->doubt || m->first_end > m->last))
		return wrong(error, "a mark has an end without doubt", index, m->first_end);
	if (m->doubt && !m->in_flight && !m->first_end)
		return wrong(error, "a mark is in doubt by nothing", index, m->doubt);
	if (m->before_at > 1 || m->writer_at > 1 || jmark_before(m)->how > BEFORE_HELD)
		return wrong(error, "a mark's before is wrong", index, m->before_at);
	n->in_flight += m->in_flight;
	n->marks++;
	return 0;
}

/* each published path stands in the order exactly once */
static int check_order(struct journal *j, struct buf *error)
{
	const struct order *o = &j->order;
	size_t current = 0, listed = 0;
	tick_t last = 0;

	if (jorder_prepare(j) < 0)
		return -ENOMEM;
	for (size_t i = o->head; i < o->count; i++) {
		if (o->items[i].tick < last)
			return wrong(error, "the order is none", i, last);
		last = o->items[i].tick;
		current += jorder_is_current(j, &o->items[i]);
	}
	for (uint32_t i = j->first_mark; i && listed <= j->mark_count; i = mark_at(j, i)->next)
		listed++;
	if (current != j->published)
		return wrong(error, "published paths are not in the order", current, j->published);
	if (listed != j->mark_count)
		return wrong(error, "the list of marks is wrong", listed, j->mark_count);
	return 0;
}

static int compare(const struct journal *j, const struct counts *n, struct buf *error)
{
	if (n->texts != j->text_count)
		return wrong(error, "pieces of text leaked", n->texts, j->text_count);
	if (n->states != j->state_count)
		return wrong(error, "states leaked", n->states, j->state_count);
	if (n->paths != j->path_count || n->published != j->published || n->idle != j->idle)
		return wrong(error, "paths are miscounted", n->paths, j->path_count);
	if (n->marks != j->mark_count || n->in_flight != j->in_flight)
		return wrong(error, "marks are miscounted", n->marks, j->mark_count);
	return 0;
}

static size_t used_in(const struct slab *s)
{
	size_t n = 0;

	for (uint32_t i = slab_next(s, 0); i; i = slab_next(s, i))
		n++;
	return n;
}

static int check(struct journal *j, struct buf *error)
{
	struct counts n = { 0 };
	int r = 0;

	for (uint32_t i = slab_next(&j->paths, 0); r == 0 && i; i = slab_next(&j->paths, i))
		r = check_path(j, i, &n, error);
	for (uint32_t i = slab_next(&j->marks, 0); r == 0 && i; i = slab_next(&j->marks, i))
		r = check_mark(j, i, &n, error);
	if (r == 0)
		r = compare(j, &n, error);
	if (r == 0 && (used_in(&j->texts) != n.texts || used_in(&j->states) != n.states))
		r = wrong(error, "items are used that nothing leads to", used_in(&j->texts), used_in(&j->states));
	if (r == 0)
		r = check_order(j, error);
	if (r == 0 && j->header->oldest > j->header->tick)
		r = wrong(error, "the oldest clock is yet to come", j->header->oldest, j->header->tick);
	return r;
}

int journal_check(struct journal *j, struct buf *error)
{
	int r;

	pthread_mutex_lock(&j->lock);
	r = check(j, error);
	pthread_mutex_unlock(&j->lock);
	return r;
}
