/* Marks as they lie in the region: what of them has more than one word is filled in aside. */
#include "core/journal_parts.h"
#include <string.h>

struct mark_item *jmark_used(struct journal *j, uint32_t index)
{
	struct mark_item *m = index && index < slab_end(&j->marks) ? mark_at(j, index) : NULL;

	return m && m->used ? m : NULL;
}

const struct before_slot *jmark_before(const struct mark_item *m)
{
	return &m->befores[m->before_at];
}

const struct writer *jmark_writer(const struct mark_item *m)
{
	return &m->writers[m->writer_at];
}

void jmark_set_before(struct mark_item *m, enum before how, const struct state *state, uint64_t size)
{
	uint32_t aside = !m->before_at;

	m->befores[aside] = (struct before_slot){ .how = how, .size = size, .state = *state };
	PUBLISH(m->before_at, aside);
}

void jmark_set_writer(struct mark_item *m, const struct writer *w)
{
	uint32_t aside = !m->writer_at;

	if (memcmp(jmark_writer(m), w, sizeof(*w)) == 0)
		return;
	m->writers[aside] = *w;
	PUBLISH(m->writer_at, aside);
}

void jmark_touch(struct journal *j, struct mark_item *m, uint32_t touch)
{
	if (touch & ~m->touched & TOUCH_TREE)
		j->moves++;
	m->touched |= touch;
}

/* at the list's end */
void jmark_link(struct journal *j, uint32_t index)
{
	struct mark_item *m = mark_at(j, index);

	m->previous = j->last_mark;
	m->next = 0;
	if (j->last_mark)
		mark_at(j, j->last_mark)->next = index;
	else
		j->first_mark = index;
	j->last_mark = index;
}

static void unlink_mark(struct journal *j, const struct mark_item *m)
{
	if (m->previous)
		mark_at(j, m->previous)->next = m->next;
	else
		j->first_mark = m->next;
	if (m->next)
		mark_at(j, m->next)->previous = m->previous;
	else
		j->last_mark = m->previous;
}

uint32_t jmark_make(struct journal *j, uint32_t path)
{
	uint32_t index = slab_alloc(&j->marks);
	struct path_item *p = path_at(j, path);
	struct mark_item *m;
	uint32_t used;

	if (!index)
		return 0;
	m = mark_at(j, index);
	used = m->used;
	memset(m, 0, sizeof(*m));
	m->used = used;
	m->path = path;
	slab_publish(&j->marks, index);
	p->mark = index;
	jmark_link(j, index);
	j->mark_count++;
	if (p->newest)
		j->idle--;
	return index;
}

void jmark_remove(struct journal *j, uint32_t index)
{
	struct mark_item *m = mark_at(j, index);
	struct path_item *p = path_at(j, m->path);
	uint32_t path = m->path;

	unlink_mark(j, m);
	j->in_flight -= m->in_flight;
	j->moves -= (m->touched & TOUCH_TREE) != 0;
	j->mark_count--;
	p->mark = 0;
	slab_free(&j->marks, index);
	if (p->newest)
		j->idle++;
	jpath_collect(j, path);
}
