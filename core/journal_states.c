/* The chain of a path's states. Every single store leaves it right for whoever finds it so. */
#include "core/journal_parts.h"
#include <errno.h>

struct state jstates_at(struct journal *j, const struct path_item *p, tick_t at)
{
	for (uint32_t i = p->newest; i; i = state_at(j, i)->older) {
		struct state_item *s = state_at(j, i);

		if (s->first <= at)
			return at < s->last ? state_unknown() : s->state;
	}
	return state_unknown();
}

static void free_until(struct journal *j, uint32_t index, uint32_t end)
{
	while (index != end) {
		uint32_t older = state_at(j, index)->older;

		slab_free(&j->states, index);
		j->state_count--;
		index = older;
	}
}

void jstates_free(struct journal *j, uint32_t newest)
{
	free_until(j, newest, 0);
}

static uint32_t alloc(struct journal *j)
{
	uint32_t index = slab_alloc(&j->states);

	while (!index && jorder_drop_some(j))
		index = slab_alloc(&j->states);
	return index;
}

static void fill(struct journal *j, uint32_t index, uint32_t older, tick_t first, tick_t last,
		 const struct state *state)
{
	struct state_item *s = state_at(j, index);

	s->older = older;
	s->first = first;
	s->last = last;
	s->state = *state;
	slab_publish(&j->states, index);
	j->state_count++;
}

/* some pinned clock lies where this state is certain */
static bool is_pinned(struct journal *j, const struct state_item *s, tick_t until)
{
	for (size_t i = 0; i < j->pin_end; i++) {
		const struct pin *pin = &j->header->pins[i];

		if (pin->count && s->last <= pin->at && pin->at < until)
			return true;
	}
	return false;
}

/* to whoever asks later the one says the same as the other */
static bool says_the_same(const struct state *a, const struct state *b)
{
	return state_equal(a, b) || (a->kind == b->kind && !a->hashed && !b->hashed);
}

/* beside the published ones: what was there before the first */
#define STATES_MOST (JOURNAL_STATES + 1)

static bool is_long(struct journal *j, uint32_t newest)
{
	unsigned count = 0;

	for (uint32_t i = newest; i && count <= STATES_MOST; i = state_at(j, i)->older)
		count++;
	return count > STATES_MOST;
}

/*
 * The state to go when there is one too many, by its next newer one; 0: none has to. The oldest of
 * those that only repeat what stood before them (a file saved again and again as it is loses neither
 * its earlier states nor the first clock of this one), else the oldest.
 */
static uint32_t one_too_many(struct journal *j, const struct path_item *p)
{
	uint32_t newer = p->newest, oldest = 0, repeated = 0;
	unsigned count = 1;

	if (!is_long(j, newer))
		return 0;
	for (uint32_t i = state_at(j, newer)->older; i; newer = i, i = state_at(j, i)->older) {
		const struct state_item *s = state_at(j, i);

		if (is_pinned(j, s, state_at(j, newer)->first))
			continue;
		count++;
		oldest = newer;
		if (s->older && says_the_same(&s->state, &state_at(j, s->older)->state))
			repeated = newer;
	}
	if (count <= STATES_MOST)
		return 0;
	return repeated ? repeated : oldest;
}

/* the clocks that the next older state was certain for become doubtful, then it goes */
static void absorb_older(struct journal *j, struct state_item *s)
{
	uint32_t older = s->older;

	PUBLISH(s->first, state_at(j, older)->first);
	PUBLISH(s->older, state_at(j, older)->older);
	slab_free(&j->states, older);
	j->state_count--;
}

static void trim(struct journal *j, struct path_item *p)
{
	uint32_t newer;

	while ((newer = one_too_many(j, p)))
		absorb_older(j, state_at(j, newer));
}

int jstates_add(struct journal *j, struct path_item *p, tick_t first, tick_t last, const struct state *state)
{
	uint32_t index = alloc(j), old = p->newest, older = old;

	if (!index)
		return -ENOSPC;
	/* nothing is certain about a state that had not settled when this one's requests began */
	while (older && state_at(j, older)->last >= first) {
		if (state_at(j, older)->first < first)
			first = state_at(j, older)->first;
		if (state_at(j, older)->last > last)
			last = state_at(j, older)->last;
		older = state_at(j, older)->older;
	}
	fill(j, index, older, first, last, state);
	PUBLISH(p->detail_of, 0);
	PUBLISH(p->newest, index);
	if (!old)
		j->published++;
	free_until(j, old, older);
	trim(j, p);
	return 0;
}

int jstates_add_first(struct journal *j, struct path_item *p, const struct state *before)
{
	uint32_t index = alloc(j);

	if (!index)
		return -ENOSPC;
	fill(j, index, 0, 0, 0, before);
	PUBLISH(p->newest, index);
	j->published++;
	return 0;
}

void jstates_correct_first(struct journal *j, struct path_item *p, tick_t at, const struct state *before)
{
	struct state_item *s = NULL;
	tick_t next = UINT64_MAX;
	uint32_t older;

	for (uint32_t i = p->newest; i; i = state_at(j, i)->older) {
		next = s ? s->first : next;
		s = state_at(j, i);
	}
	/* only a state that nobody published was taken for that of all earlier clocks */
	if (!s || s->first || s->last || next <= at || state_equal(&s->state, before))
		return;
	older = before->kind == STATE_UNKNOWN ? 0 : alloc(j);
	/* doubt first: it is never certain of what is not so */
	PUBLISH(s->last, at);
	if (older) {
		fill(j, older, 0, 0, 0, before);
		PUBLISH(s->older, older);
		PUBLISH(s->first, at);
	}
}

void jstates_set_detail(struct path_item *p, const struct writer *w, const struct stamp *stamp)
{
	PUBLISH(p->detail_of, 0);
	p->writer = *w;
	p->has_stamp = stamp != NULL;
	if (stamp)
		p->stamp = *stamp;
	PUBLISH(p->detail_of, p->newest);
}
