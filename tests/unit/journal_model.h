/*
 * What the journal says of one path, as core/journal_parts.h has it, in plain C: all states for ever,
 * nothing merged that need not be, no shared memory. For the random test to compare with.
 */
#pragma once
#include "core/change.h"
#include "tests/unit/test.h"
#include <stdbool.h>

#define ENTRIES 1024

struct entry {
	tick_t first, last;
	char state;
};

struct model {
	struct entry entries[ENTRIES];
	unsigned count;
	bool marked;
	char before;
	tick_t first, last, doubt, first_end;
	unsigned in_flight;
	bool unwalked; /* moved, and the settler has not looked below */
};

static inline char model_published_at(const struct model *m, tick_t at)
{
	for (unsigned i = m->count; i--;) {
		if (m->entries[i].first <= at)
			return at < m->entries[i].last ? '?' : m->entries[i].state;
	}
	return '?';
}

static inline char model_state_at(const struct model *m, tick_t at)
{
	if (m->marked && m->doubt && at >= m->doubt)
		return '?';
	if (!m->count)
		return m->marked ? m->before : '?';
	return model_published_at(m, at);
}

static inline bool differ(char a, char b)
{
	return a == '?' || b == '?' || a != b;
}

static inline bool model_is_told(const struct model *m, tick_t since, tick_t upto)
{
	bool pending = m->marked && m->first_end && m->first_end <= upto && m->last > since;

	if (pending)
		return since >= m->doubt || differ(m->count ? model_published_at(m, since) : m->before, '?');
	if (!m->count || m->entries[m->count - 1].last <= since)
		return false;
	return differ(model_published_at(m, since), model_published_at(m, upto));
}

static inline void model_begin(struct model *m, tick_t tick, char before, bool attr)
{
	if (!m->marked) {
		m->marked = true;
		m->before = before;
		m->first = tick;
		m->last = m->doubt = m->first_end = 0;
	}
	if (!attr && !m->doubt)
		m->doubt = tick;
	m->in_flight++;
}

static inline void model_end(struct model *m, tick_t tick, bool failed)
{
	m->last = tick;
	if (!failed && m->doubt && !m->first_end)
		m->first_end = tick;
	m->in_flight--;
	if (!m->in_flight && !m->first_end)
		m->doubt = 0;
}

static inline void model_add(struct model *m, tick_t first, tick_t last, char state)
{
	while (m->count && m->entries[m->count - 1].last >= first) {
		m->count--;
		if (m->entries[m->count].first < first)
			first = m->entries[m->count].first;
		if (m->entries[m->count].last > last)
			last = m->entries[m->count].last;
	}
	assert_true(m->count < ENTRIES);
	m->entries[m->count++] = (struct entry){ first, last, state };
}

static inline void model_publish(struct model *m, char before, char after, bool settled)
{
	if (m->first_end) {
		if (!m->count && before != '?')
			m->entries[m->count++] = (struct entry){ 0, 0, before };
		model_add(m, m->doubt, m->last, after);
		m->first_end = 0;
		if (!m->in_flight)
			m->doubt = 0;
	}
	if (settled)
		m->marked = false;
}
