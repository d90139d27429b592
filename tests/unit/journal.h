/* The journal step by step, for the tests that go through it cell by cell: one region, one request at a time. */
#pragma once
#include "tests/unit/region.h"
#include <errno.h>
#include <string.h>

#define SIZE (1UL << 30)

static struct region region;
#define J region.journal

static inline int set_up(void **unused)
{
	region_open(&region, SIZE);
	return 0;
}

static inline int tear_down(void **unused)
{
	region_check(&region);
	region_close(&region);
	return 0;
}

/* ---- one request after the other ---- */

static inline uint32_t begin_as(const char *path, unsigned touch, char before)
{
	struct touching t = { .path = path, .touch = touch };
	struct state state = letter(before);
	tick_t tick;

	assert_int_equal(journal_begin(J, &t, 1, NULL, &tick), 0);
	if (t.made)
		journal_set_before(J, t.mark, BEFORE_KNOWN, &state, 0);
	return t.mark;
}

static inline uint32_t begin(const char *path, char before)
{
	return begin_as(path, TOUCH_CONTENT, before);
}

static inline void end(uint32_t mark)
{
	journal_end(J, &mark, 1, false);
}

static inline void end_failed(uint32_t mark)
{
	journal_end(J, &mark, 1, true);
}

static inline int publish_with(uint32_t mark, char before, char after, const struct stamp *stamp, bool settled)
{
	struct state from = letter(before), to = letter(after);
	struct mark copy;

	if (!journal_mark(J, mark, &copy))
		return -ENOENT;
	return journal_publish(J, mark, copy.last, &from, &to, stamp, settled);
}

static inline int publish(uint32_t mark, char before, char after)
{
	return publish_with(mark, before, after, NULL, true);
}

/* one whole save, settled; answers the clock after it */
static inline tick_t save(const char *path, char before, char after)
{
	uint32_t mark = begin(path, before);

	end(mark);
	assert_int_equal(publish(mark, before, after), 0);
	return journal_tick(J);
}

struct seen {
	char text[4096];
};

static inline int see(const struct change *c, void *arg)
{
	struct seen *s = arg;
	size_t len = strlen(s->text);

	snprintf(s->text + len, sizeof(s->text) - len, "%s%s:%c%c", len ? " " : "", c->path, letter_of(&c->before),
		 letter_of(&c->after));
	return 0;
}

static inline const char *since_upto(tick_t since, tick_t upto)
{
	static struct seen s;

	s.text[0] = '\0';
	if (journal_since(J, since, upto, see, &s) == -ESTALE)
		return "stale";
	return s.text;
}

static inline const char *since(tick_t clock)
{
	return since_upto(clock, UINT64_MAX);
}

static inline const char *touched_since(tick_t clock, tick_t upto)
{
	static struct seen s;

	s.text[0] = '\0';
	assert_int_equal(journal_touched_since(J, clock, upto, see, &s), 0);
	return s.text;
}

static inline char at(const char *path, tick_t clock)
{
	bool touched;
	struct state s = journal_state_at(J, path, clock, &touched);

	return letter_of(&s);
}

static inline bool touched(const char *path, tick_t clock)
{
	bool t;

	journal_state_at(J, path, clock, &t);
	return t;
}

#define JOURNAL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
