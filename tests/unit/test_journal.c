/* The journal cell by cell: what it answers for which clock. The random tests are beside it. */
#include "tests/unit/region.h"
#include <errno.h>
#include <string.h>

#define SIZE (1UL << 30)

static struct region region;
#define J region.journal

static int set_up(void **unused)
{
	region_open(&region, SIZE);
	return 0;
}

static int tear_down(void **unused)
{
	region_check(&region);
	region_close(&region);
	return 0;
}

/* ---- one request after the other ---- */

static uint32_t begin_as(const char *path, unsigned touch, char before)
{
	struct touching t = { .path = path, .touch = touch };
	struct state state = letter(before);
	tick_t tick;

	assert_int_equal(journal_begin(J, &t, 1, NULL, &tick), 0);
	if (t.made)
		journal_set_before(J, t.mark, BEFORE_KNOWN, &state, 0);
	return t.mark;
}

static uint32_t begin(const char *path, char before)
{
	return begin_as(path, TOUCH_CONTENT, before);
}

static void end(uint32_t mark)
{
	journal_end(J, &mark, 1, false);
}

static void end_failed(uint32_t mark)
{
	journal_end(J, &mark, 1, true);
}

static int publish_with(uint32_t mark, char before, char after, const struct stamp *stamp, bool settled)
{
	struct state from = letter(before), to = letter(after);
	struct mark copy;

	if (!journal_mark(J, mark, &copy))
		return -ENOENT;
	return journal_publish(J, mark, copy.last, &from, &to, stamp, settled);
}

static int publish(uint32_t mark, char before, char after)
{
	return publish_with(mark, before, after, NULL, true);
}

/* one whole save, settled; answers the clock after it */
static tick_t save(const char *path, char before, char after)
{
	uint32_t mark = begin(path, before);

	end(mark);
	assert_int_equal(publish(mark, before, after), 0);
	return journal_tick(J);
}

struct seen {
	char text[4096];
};

static int see(const struct change *c, void *arg)
{
	struct seen *s = arg;
	size_t len = strlen(s->text);

	snprintf(s->text + len, sizeof(s->text) - len, "%s%s:%c%c", len ? " " : "", c->path, letter_of(&c->before),
		 letter_of(&c->after));
	return 0;
}

static const char *since_upto(tick_t since, tick_t upto)
{
	static struct seen s;

	s.text[0] = '\0';
	if (journal_since(J, since, upto, see, &s) == -ESTALE)
		return "stale";
	return s.text;
}

static const char *since(tick_t clock)
{
	return since_upto(clock, UINT64_MAX);
}

static const char *touched_since(tick_t clock, tick_t upto)
{
	static struct seen s;

	s.text[0] = '\0';
	assert_int_equal(journal_touched_since(J, clock, upto, see, &s), 0);
	return s.text;
}

static char at(const char *path, tick_t clock)
{
	bool touched;
	struct state s = journal_state_at(J, path, clock, &touched);

	return letter_of(&s);
}

static bool touched(const char *path, tick_t clock)
{
	bool t;

	journal_state_at(J, path, clock, &t);
	return t;
}

/* ---- clocks ---- */

static void test_nothing_yet(void **unused)
{
	assert_int_equal(journal_tick(J), 0);
	assert_int_equal(journal_oldest(J), 0);
	assert_string_equal(since(0), "");
	assert_string_equal(since(1), "stale"); /* no clock of this journal */
	assert_false(touched("a", 0));
	assert_int_equal(journal_take_tick(J), 1);
	assert_string_equal(since(0), "");
}

static void test_one_change(void **unused)
{
	uint32_t mark = begin("a", 'A'); /* 1 */

	assert_int_equal(journal_tick(J), 1);
	end(mark); /* 2 */
	assert_int_equal(publish(mark, 'A', 'B'), 0);
	assert_string_equal(since(0), "a:AB");
	assert_string_equal(since(1), "a:?B"); /* in doubt */
	assert_string_equal(since(2), "");
	assert_int_equal(at("a", 0), 'A');
	assert_int_equal(at("a", 1), '?');
	assert_int_equal(at("a", 2), 'B');
	assert_true(touched("a", 1));
	assert_false(touched("a", 2));
}

/* A clock taken while a request is under way is told of it, though the state is what it was. */
static void test_same_content_keeps_its_doubt(void **unused)
{
	tick_t first = save("a", 'A', 'B'), again = save("a", 'B', 'B');

	assert_int_equal(first, 2);
	assert_int_equal(again, 4);
	assert_string_equal(since(2), "");
	assert_string_equal(since(3), "a:?B");
	assert_string_equal(since(4), "");
	assert_string_equal(since(0), "a:AB");
}

static void test_there_and_back(void **unused)
{
	save("a", 'A', 'B');
	save("a", 'B', 'A');
	assert_string_equal(since(0), "");
	assert_string_equal(since(2), "a:BA");
	assert_string_equal(since(4), "");
	save("new", '-', 'A');
	save("new", 'A', '-');
	assert_string_equal(since(4), "");
	assert_string_equal(since(6), "new:A-");
}

/* Whoever looked between its clock and now may have seen the other state. */
static void test_touched_in_between(void **unused)
{
	uint32_t mark;

	save("a", 'A', 'B'); /* 1 2 */
	save("a", 'B', 'A'); /* 3 4 */
	save("b", 'B', 'B'); /* 5 6: saved as it was, but perhaps emptied first */
	assert_string_equal(since(0), "");
	assert_string_equal(touched_since(0, 9), "a:AA b:BB");
	assert_string_equal(touched_since(0, 2), "a:AB");
	assert_string_equal(touched_since(2, 9), "a:BA b:BB");
	assert_string_equal(touched_since(4, 9), "b:BB");
	assert_string_equal(touched_since(4, 4), "");
	assert_string_equal(touched_since(6, 9), "");
	mark = begin_as("a", TOUCH_ATTR, 'A');
	end(mark);
	assert_int_equal(publish(mark, 'A', 'A'), 0);
	mark = begin("a", 'A');
	end_failed(mark);
	assert_string_equal(touched_since(6, 99), "");
	begin("a", 'A');
	end(mark);
	assert_string_equal(touched_since(6, 99), "a:A?");
	assert_int_equal(publish(mark, 'A', 'A'), 0);
	assert_string_equal(touched_since(6, 99), "a:AA");
}

static void test_unknown_equals_nothing(void **unused)
{
	save("a", '?', 'A');
	assert_string_equal(since(0), "a:?A");
	save("b", 'u', 'u');
	assert_string_equal(since(2), "b:uu");
	save("c", 'A', '?');
	assert_string_equal(since(4), "c:A?");
	assert_string_equal(since(6), "");
}

static void test_oldest_first(void **unused)
{
	uint32_t a = begin("a", '-'), b = begin("b", '-'), c = begin("c", '-');

	end(b);
	end(c);
	end(a);
	assert_int_equal(publish(a, '-', 'A'), 0);
	assert_int_equal(publish(c, '-', 'C'), 0);
	assert_int_equal(publish(b, '-', 'B'), 0);
	assert_string_equal(since(0), "b:-B c:-C a:-A");
	assert_string_equal(since(4), "c:?C a:?A");
	save("b", 'B', 'D');
	assert_string_equal(since(0), "c:-C a:-A b:-D");
}

/* ---- marks ---- */

/* two requests at once: nothing is certain before both have ended */
static void test_overlapping_requests(void **unused)
{
	uint32_t mark = begin("a", 'A'); /* 1 */

	assert_int_equal(begin("a", '!'), mark); /* 2 */
	end(mark);				  /* 3 */
	assert_int_equal(publish(mark, 'A', 'B'), -EAGAIN);
	assert_int_equal(publish_with(mark, 'A', 'B', NULL, false), 0);
	assert_string_equal(since(0), "a:AB");
	assert_int_equal(at("a", 3), '?'); /* the second may have been half done when it was compared */
	end(mark);			   /* 4 */
	assert_string_equal(since(3), "a:??");
	assert_int_equal(publish(mark, 'A', 'C'), 0);
	assert_string_equal(since(0), "a:AC");
	assert_string_equal(since(2), "a:?C");
	assert_string_equal(since(3), "a:?C");
	assert_string_equal(since(4), "");
}

static void test_ended_and_not_compared(void **unused)
{
	uint32_t mark = begin("a", 'A');

	assert_string_equal(since(0), ""); /* under way: a later answer will tell */
	end(mark);
	assert_string_equal(since(0), "a:A?");
	assert_string_equal(since(1), "a:??");
	assert_string_equal(since(2), "");
	assert_string_equal(since_upto(0, 1), ""); /* had not ended then */
	assert_int_equal(at("a", 0), 'A');
	assert_true(touched("a", 1));
	assert_int_equal(at("a", 2), '?');
	assert_false(touched("a", 2)); /* it is what is on the disk */
	assert_int_equal(publish(mark, 'A', 'A'), 0);
	assert_string_equal(since(0), "");
	assert_string_equal(since(1), "a:?A");
}

static void test_touched_between_copy_and_publication(void **unused)
{
	uint32_t mark = begin("a", 'A');
	struct state a = letter('A'), b = letter('B');
	struct mark copy;

	assert_int_equal(publish(mark, 'A', 'B'), -EAGAIN); /* none has ended */
	end(mark);
	assert_true(journal_mark(J, mark, &copy));
	begin("a", '!');
	end(mark);
	assert_int_equal(journal_publish(J, mark, copy.last, &a, &b, NULL, true), -EAGAIN);
	assert_true(journal_mark(J, mark, &copy));
	assert_int_equal(copy.first, 1);
	assert_int_equal(copy.last, 4);
	assert_int_equal(journal_publish(J, mark, copy.last, &a, &b, NULL, true), 0);
	assert_int_equal(journal_publish(J, mark, copy.last, &a, &b, NULL, true), -ENOENT);
	assert_false(journal_mark(J, mark, &copy));
}

/* Each answer on demand shows what is there; the path is told again when it changes back. */
static void test_intermediate_states(void **unused)
{
	uint32_t mark = begin("a", 'A');

	end(mark);
	assert_int_equal(publish_with(mark, 'A', 'B', NULL, false), 0);
	assert_string_equal(since(0), "a:AB");
	begin("a", '!'); /* 3 */
	end(mark);
	assert_int_equal(publish(mark, 'A', 'A'), 0);
	assert_string_equal(since(0), "");
	assert_string_equal(since(2), "a:BA");
	assert_string_equal(since(3), "a:?A");
}

static void test_compared_twice(void **unused)
{
	uint32_t mark = begin("a", 'A');
	struct journal_stats stats;

	end(mark);
	for (int i = 0; i < 20; i++)
		assert_int_equal(publish_with(mark, 'A', 'B', NULL, false), 0);
	journal_stats(J, &stats);
	assert_int_equal(stats.states, 2);
	assert_int_equal(stats.marks, 1);
	assert_int_equal(publish(mark, 'A', 'B'), 0);
	assert_string_equal(since(0), "a:AB");
	assert_string_equal(since(2), "");
}

static void test_attributes_publish_nothing(void **unused)
{
	uint32_t mark = begin_as("a", TOUCH_ATTR, 'A');
	struct journal_stats stats;

	assert_string_equal(since(0), "");
	end(mark);
	assert_string_equal(since(0), "");
	assert_int_equal(publish(mark, 'A', 'A'), 0);
	assert_string_equal(since(0), "");
	journal_stats(J, &stats);
	assert_int_equal(stats.paths, 0);
	assert_int_equal(stats.bytes, 0);
	/* beside a write it is a part of the mark */
	mark = begin_as("a", TOUCH_ATTR, 'A');
	begin("a", '!');
	end(mark);
	end(mark);
	assert_int_equal(publish(mark, 'A', 'B'), 0);
	assert_string_equal(since(0), "a:AB");
}

static void test_failed_requests(void **unused)
{
	uint32_t mark = begin("a", 'A');
	struct mark copy;

	end_failed(mark);
	assert_true(journal_mark(J, mark, &copy));
	assert_true(copy.failed);
	assert_string_equal(since(0), "");
	assert_string_equal(since(1), "");
	begin("a", '!'); /* 3 */
	end_failed(mark);
	begin("a", '!'); /* 5 */
	end(mark);
	assert_true(journal_mark(J, mark, &copy));
	assert_false(copy.failed);
	assert_int_equal(publish(mark, 'A', 'B'), 0);
	assert_string_equal(since(4), "a:AB"); /* the failed ones are no doubt */
	assert_string_equal(since(5), "a:?B");
	mark = begin("b", 'A');
	end_failed(mark);
	assert_int_equal(publish(mark, 'A', 'A'), 0);
	assert_string_equal(since(6), "");
}

static void test_failed_beside_one_that_did_not(void **unused)
{
	uint32_t mark = begin("a", 'A'); /* 1 */

	begin("a", '!');  /* 2 */
	end_failed(mark); /* 3: the first or the second, nobody knows */
	assert_string_equal(since(0), "");
	assert_int_equal(at("a", 1), '?');
	end(mark); /* 4 */
	assert_string_equal(since(0), "a:A?");
	assert_int_equal(publish(mark, 'A', 'B'), 0);
	assert_string_equal(since(1), "a:?B");
	assert_string_equal(since(3), "a:?B");
}

static void test_several_paths_at_once(void **unused)
{
	struct touching t[3] = { { .path = "a", .touch = TOUCH_NAME },
				 { .path = "b", .touch = TOUCH_NAME },
				 { .path = "a", .touch = TOUCH_NAME } };
	struct state none = state_absent();
	uint32_t marks[3];
	tick_t tick;

	assert_int_equal(journal_begin(J, t, 3, NULL, &tick), 0);
	assert_int_equal(tick, 1);
	assert_true(t[0].made && t[1].made);
	assert_false(t[2].made);
	assert_int_equal(t[0].mark, t[2].mark);
	for (int i = 0; i < 3; i++) {
		marks[i] = t[i].mark;
		journal_set_before(J, marks[i], BEFORE_KNOWN, &none, 0);
	}
	journal_end(J, marks, 3, false);
	assert_int_equal(journal_tick(J), 2);
	assert_int_equal(publish(marks[0], '-', 'A'), 0);
	assert_int_equal(publish(marks[1], '-', 'B'), 0);
	assert_string_equal(since_upto(0, 1), "a:-A b:-B"); /* in doubt at 1, so not known to be equal */
	assert_string_equal(since(2), "");
}

static void test_copies_of_marks(void **unused)
{
	struct writer w = { .pid = 7, .command = "vim", .job = "api/run" };
	struct touching t = { .path = "dir/a", .touch = TOUCH_CONTENT };
	struct state prefix = letter('P');
	AUTO_BUF path = { 0 };
	AUTO_FREE struct mark *marks = NULL;
	size_t count, in_flight;
	tick_t tick;

	assert_int_equal(journal_begin(J, &t, 1, &w, &tick), 0);
	assert_int_equal(journal_marks(J, 10, &marks, &count, &in_flight), 0);
	assert_int_equal(count, 1);
	assert_int_equal(in_flight, 1);
	assert_int_equal(marks[0].before, BEFORE_PENDING);
	assert_int_equal(marks[0].last, 0);
	journal_set_before(J, t.mark, BEFORE_PREFIX, &prefix, 99);
	free(take_ptr(marks));
	begin_as("dir/b", TOUCH_MODE, 'B');
	assert_int_equal(journal_marks(J, 10, &marks, &count, &in_flight), 0);
	assert_int_equal(count, 2);
	assert_int_equal(in_flight, 2);
	assert_int_equal(marks[0].before, BEFORE_PREFIX);
	assert_int_equal(marks[0].size, 99);
	assert_int_equal(marks[0].writer.pid, 7);
	assert_string_equal(marks[0].writer.command, "vim");
	assert_int_equal(marks[1].touched, TOUCH_MODE);
	assert_int_equal(marks[1].first, 2);
	free(take_ptr(marks));
	assert_int_equal(journal_marks(J, 1, &marks, &count, &in_flight), 0);
	assert_int_equal(count, 1);
	assert_int_equal(in_flight, 2);
	assert_int_equal(journal_mark_path(J, t.mark, &path), 0);
	assert_string_equal(buf_str(&path), "dir/a");
	assert_int_equal(journal_mark_path(J, 12345, &path), -ENOENT);
	assert_int_equal(journal_mark_of(J, "dir/a"), t.mark);
	assert_int_equal(journal_mark_of(J, "dir"), 0);
}

static int take_writer(const struct change *c, void *arg)
{
	*(struct writer *)arg = c->writer;
	return 0;
}

static void test_writer_of_a_change(void **unused)
{
	struct writer w = { .pid = 7, .command = "cc", .job = "api/build" }, found = { 0 };
	struct touching t = { .path = "a", .touch = TOUCH_CONTENT };
	tick_t tick;

	assert_int_equal(journal_begin(J, &t, 1, &w, &tick), 0);
	end(t.mark);
	assert_int_equal(journal_since(J, 0, 9, take_writer, &found), 0);
	assert_int_equal(found.pid, 7); /* also while it is not compared */
	assert_int_equal(publish(t.mark, '-', 'A'), 0);
	assert_int_equal(journal_since(J, 0, 9, take_writer, &found), 0);
	assert_string_equal(found.job, "api/build");
	t.touch = TOUCH_CONTENT;
	assert_int_equal(journal_begin(J, &t, 1, NULL, &tick), 0); /* writeback: nobody knows whose */
	end(t.mark);
	assert_int_equal(publish(t.mark, 'A', 'B'), 0);
	assert_int_equal(journal_since(J, 2, 9, take_writer, &found), 0);
	assert_int_equal(found.pid, 0);
}

/* ---- upto ---- */

static void test_upto(void **unused)
{
	uint32_t mark;

	save("a", '-', 'A'); /* 1 2 */
	save("b", '-', 'B'); /* 3 4 */
	save("a", 'A', 'C'); /* 5 6 */
	assert_string_equal(since_upto(0, 2), "a:-A");
	assert_string_equal(since_upto(0, 4), "b:-B a:-A");
	assert_string_equal(since_upto(2, 4), "b:-B");
	assert_string_equal(since_upto(4, 4), "");
	assert_string_equal(since_upto(4, 2), "");
	/* Of two requests the first one had returned by 9: its path is in that answer, though the second ended later. */
	mark = begin("d", '-'); /* 7 */
	end(mark);		/* 8 */
	begin("d", '!');	/* 9 */
	end(mark);		/* 10 */
	assert_int_equal(publish(mark, '-', 'D'), 0);
	assert_string_equal(since_upto(6, 9), "d:-D");
	assert_string_equal(since_upto(9, 10), "d:?D");
}

/* ---- the ring ---- */

static void test_eight_states(void **unused)
{
	char letters[] = "0ABCDEFGHIJKL";
	tick_t clocks[13] = { 0 };

	for (int i = 1; i < 13; i++)
		clocks[i] = save("a", letters[i - 1], letters[i]);
	for (int i = 0; i < 13; i++) {
		/* 8 published ones and the one before them */
		assert_int_equal(at("a", clocks[i]), i < 13 - JOURNAL_STATES - 1 ? '?' : letters[i]);
	}
	save("a", 'L', '0');
	assert_string_equal(since(0), "a:?0"); /* it was '0', but that is no longer known */
	assert_string_equal(since(clocks[5]), "a:E0");
	region_check(&region);
}

/* A file that is saved with the same bytes again and again does not lose what it was before. */
static void test_same_states_make_room(void **unused)
{
	tick_t before, between;

	save("a", '0', 'A');
	before = save("a", 'A', 'B');
	for (int i = 0; i < 50; i++)
		save("a", 'B', 'B');
	between = journal_tick(J);
	for (int i = 0; i < 50; i++)
		save("a", 'B', 'B');
	assert_int_equal(at("a", 0), '0');
	assert_int_equal(at("a", before - 2), 'A');
	assert_int_equal(at("a", before), 'B');
	assert_int_equal(at("a", between), '?'); /* given up first: between two equal ones */
	assert_int_equal(at("a", journal_tick(J)), 'B');
	assert_string_equal(since(before), "");
	assert_string_equal(since(journal_tick(J) - 2), "");
	assert_string_equal(since(journal_tick(J) - 1), "a:?B");
}

static void test_pins(void **unused)
{
	tick_t pinned[2];

	save("a", '0', 'A');
	pinned[0] = save("a", 'A', 'B');
	assert_int_equal(journal_pin(J, pinned[0]), 0);
	assert_int_equal(journal_pin(J, pinned[0]), 0);
	pinned[1] = save("a", 'B', 'C');
	assert_int_equal(journal_pin(J, pinned[1] - 1), 0); /* in doubt: nothing to keep */
	for (int i = 0; i < 30; i++)
		save("a", 'a' + (char)i, 'b' + (char)i);
	assert_int_equal(at("a", pinned[0]), 'B');
	assert_int_equal(at("a", pinned[1]), '?');
	assert_int_equal(at("a", 0), '?');
	assert_string_equal(since(pinned[0]), "a:B\x7f");
	region_reopen(&region);
	assert_int_equal(at("a", pinned[0]), 'B');
	journal_unpin(J, pinned[0]);
	save("a", 'x', 'y');
	assert_int_equal(at("a", pinned[0]), 'B'); /* pinned twice */
	journal_unpin(J, pinned[0]);
	save("a", 'y', 'z');
	assert_int_equal(at("a", pinned[0]), '?');
	journal_unpin(J, 4711);
}

static void test_pins_are_limited(void **unused)
{
	for (tick_t i = 0; i < JOURNAL_PINS; i++)
		assert_int_equal(journal_pin(J, i), 0);
	assert_int_equal(journal_pin(J, 9999), -ENOSPC);
	assert_int_equal(journal_pin(J, 5), 0);
	journal_unpin(J, 7);
	assert_int_equal(journal_pin(J, 9999), 0);
}

/* ---- changes that the journal did not see ---- */

/* It was B, and somebody has made it A behind the mount; a job that read A must not be told "still B". */
static void test_changed_behind_the_mount(void **unused)
{
	tick_t then = save("a", 'A', 'B');

	journal_take_tick(J);
	save("a", 'X', 'B');
	assert_string_equal(since(then), "a:?B");
	assert_string_equal(since(0), "a:AB");
	/* what could not be found out does not contradict */
	then = journal_tick(J);
	save("a", '?', 'B');
	assert_string_equal(since(then), "");
}

/* ---- moved directories ---- */

static uint32_t move(const char *from, const char *to)
{
	struct touching t[2] = { { .path = from, .touch = TOUCH_NAME | TOUCH_TREE },
				 { .path = to, .touch = TOUCH_NAME | TOUCH_TREE } };
	struct state dir = letter('/'), none = letter('-');
	uint32_t marks[2];
	tick_t tick;

	assert_int_equal(journal_begin(J, t, 2, NULL, &tick), 0);
	marks[0] = t[0].mark;
	marks[1] = t[1].mark;
	journal_set_before(J, marks[0], BEFORE_KNOWN, &dir, 0);
	journal_set_before(J, marks[1], BEFORE_KNOWN, &none, 0);
	journal_end(J, marks, 2, false);
	return marks[1];
}

static uint32_t mark_like(uint32_t like, const char *path, char before)
{
	struct state state = letter(before);
	uint32_t mark;

	assert_int_equal(journal_mark_like(J, like, path, &state, &mark), 0);
	return mark;
}

static void test_below_a_moved_directory(void **unused)
{
	uint32_t to = move("d", "e"), from = journal_mark_of(J, "d"); /* 1 2 */
	uint32_t gone = mark_like(from, "d/x", 'A'), come = mark_like(to, "e/x", '-');
	struct mark copy;

	assert_true(journal_mark(J, come, &copy));
	assert_int_equal(copy.first, 1);
	assert_int_equal(copy.last, 2);
	assert_int_equal(copy.before, BEFORE_KNOWN);
	assert_int_equal(copy.in_flight, 0);
	assert_false(copy.failed);
	assert_string_equal(since(0), "d:/? e:-? d/x:A? e/x:-?");
	assert_int_equal(publish(gone, 'A', '-'), 0);
	assert_int_equal(publish(come, '-', 'A'), 0);
	assert_int_equal(publish(from, '/', '-'), 0);
	assert_int_equal(publish(to, '-', '/'), 0);
	assert_int_equal(at("d/x", 0), 'A');
	assert_int_equal(at("d/x", 1), '?');
	assert_int_equal(at("e/x", 0), '-');
	assert_int_equal(at("e/x", 2), 'A');
	assert_string_equal(since(2), "");
	assert_int_equal(journal_mark_like(J, to, "e/y", &copy.state, &come), -ENOENT);
}

/* An answer was given before the settler had walked the directory: the next one tells what lay below. */
static void test_walked_after_an_answer(void **unused)
{
	uint32_t to = move("d", "e"), from = journal_mark_of(J, "d"), come;
	tick_t asked = journal_tick(J);

	since(0);
	come = mark_like(to, "e/x", '-');
	mark_like(from, "d/x", 'A');
	assert_int_equal(publish(come, '-', 'A'), 0);
	assert_string_equal(since(asked), "e/x:?A d/x:??");
	assert_string_equal(since(journal_tick(J)), "");
}

/* A file below was written after the move and before the walk: before the move it was not there. */
static void test_touched_between_move_and_walk(void **unused)
{
	uint32_t to = move("d", "e"), mark; /* 1 2 */

	mark = begin("e/x", 'A'); /* 3 */
	mark_like(to, "e/x", '-');
	end(mark); /* 4 */
	assert_int_equal(publish(mark, '-', 'A'), 0);
	assert_int_equal(at("e/x", 0), '-');
	assert_string_equal(since(0), "d:/? e:-? e/x:-A");
	assert_int_equal(at("e/x", 2), '?');
	/* the same with the request's before set after the walk */
	to = move("f", "g"); /* 5 6 */
	{
		struct touching t = { .path = "g/x", .touch = TOUCH_CONTENT };
		struct state a = letter('A');
		struct mark copy;
		tick_t tick;

		assert_int_equal(journal_begin(J, &t, 1, NULL, &tick), 0);
		mark_like(to, "g/x", '-');
		journal_set_before(J, t.mark, BEFORE_KNOWN, &a, 0);
		end(t.mark);
		assert_true(journal_mark(J, t.mark, &copy));
		assert_int_equal(letter_of(&copy.state), '-');
		assert_int_equal(publish(t.mark, '-', 'A'), 0);
	}
	assert_int_equal(at("g/x", 4), '-');
}

/* … and was even published with the state that it had between: that is not what it was before the move. */
static void test_published_between_move_and_walk(void **unused)
{
	uint32_t to = move("d", "e"), mark; /* 1 2 */

	mark = begin("e/x", 'A'); /* 3 */
	end(mark);		  /* 4 */
	assert_int_equal(publish_with(mark, 'A', 'A', NULL, false), 0);
	mark_like(to, "e/x", '-');
	assert_int_equal(at("e/x", 0), '-');
	assert_int_equal(publish(mark, '-', 'A'), 0);
	assert_int_equal(at("e/x", 0), '-');
	assert_string_equal(since(0), "d:/? e:-? e/x:-A");
	/* settled and gone */
	mark = begin("e/y", 'B');
	end(mark);
	assert_int_equal(publish(mark, 'B', 'B'), 0);
	mark = mark_like(to, "e/y", '-');
	assert_int_equal(publish(mark, '-', 'B'), 0);
	assert_int_equal(at("e/y", 0), '-');
}

/* It was compared after the move and before the walk: what it is now says nothing of the clocks before the move. */
static void test_compared_between_move_and_walk(void **unused)
{
	uint32_t mark = begin("d/x", 'A'), from; /* 1 */

	end(mark);	      /* 2: it is 'B' */
	journal_take_tick(J); /* 3 */
	move("d", "e");	      /* 4 5: and gone */
	from = journal_mark_of(J, "d");
	assert_int_equal(publish_with(mark, 'A', '-', NULL, false), 0);
	assert_int_equal(at("d/x", 3), '?');
	assert_int_equal(at("d/x", 5), '-');
	assert_string_equal(since(3), "d/x:?- d:/? e:-?");
	assert_int_equal(mark_like(from, "d/x", 'B'), mark);
	assert_int_equal(publish(mark, 'A', '-'), 0);
	assert_int_equal(at("d/x", 3), '?');
}

static void test_touched_before_the_move(void **unused)
{
	uint32_t mark = begin("d/x", 'A'), from; /* 1 */

	end(mark);	/* 2 */
	move("d", "e"); /* 3 4 */
	from = journal_mark_of(J, "d");
	assert_int_equal(mark_like(from, "d/x", 'B'), mark);
	assert_int_equal(publish(mark, 'A', '-'), 0);
	assert_int_equal(at("d/x", 0), 'A');
	assert_int_equal(at("d/x", 2), '?');
	assert_int_equal(at("d/x", 4), '-');
}

/* ---- stamps ---- */

static void test_stored(void **unused)
{
	struct stamp stamp = { 1, 2, 3, 4 }, later = { 1, 2, 30, 40 }, found;
	struct state state;
	uint32_t mark = begin("a", '-');

	assert_false(journal_stored(J, "a", &state, &found));
	end(mark);
	assert_int_equal(publish_with(mark, '-', 'A', &stamp, true), 0);
	assert_true(journal_stored(J, "a", &state, &found));
	assert_int_equal(letter_of(&state), 'A');
	assert_int_equal(found.ctime_ns, 4);
	/* touched: its stamp is another, its state is not */
	mark = begin_as("a", TOUCH_ATTR, 'A');
	assert_true(journal_stored(J, "a", &state, &found));
	end(mark);
	assert_int_equal(publish_with(mark, 'A', 'A', &later, true), 0);
	assert_true(journal_stored(J, "a", &state, &found));
	assert_int_equal(found.ctime_ns, 40);
	assert_string_equal(since(2), "");
	/* a stamp is never that of another state */
	mark = begin("a", 'A');
	end(mark);
	assert_int_equal(publish(mark, 'A', 'B'), 0);
	assert_false(journal_stored(J, "a", &state, &found));
	mark = begin("a", 'B');
	end(mark);
	assert_int_equal(publish_with(mark, 'B', 'u', &stamp, true), 0);
	assert_false(journal_stored(J, "a", &state, &found));
}

/* ---- paths ---- */

static void test_paths_of_all_lengths(void **unused)
{
	static char path[65538];
	char expected[8];
	size_t lengths[] = { 0, 1, 55, 56, 57, 111, 112, 113, 4096, 65535, 65536 };
	struct touching t = { .path = path, .touch = TOUCH_CONTENT };
	AUTO_BUF text = { 0 };
	tick_t tick;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t mark;

		memset(path, 'x', lengths[i]);
		path[lengths[i]] = '\0';
		mark = begin(path, '-');
		assert_int_equal(journal_mark_path(J, mark, &text), 0);
		assert_string_equal(buf_str(&text), path);
		assert_int_equal(journal_mark_of(J, path), mark);
		end(mark);
		assert_int_equal(publish(mark, '-', 'A'), 0);
		snprintf(expected, sizeof(expected), "%c", at(path, journal_tick(J)));
		assert_string_equal(expected, "A");
	}
	memset(path, 'x', sizeof(path) - 1);
	assert_int_equal(journal_begin(J, &t, 1, NULL, &tick), -ENAMETOOLONG);
}

/* ---- limits ---- */

static void many(unsigned from, unsigned to)
{
	char path[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(path, sizeof(path), "some/where/file%u", i);
		save(path, '-', 'A');
	}
}

static int count_changes(const struct change *c, void *arg)
{
	(*(size_t *)arg)++;
	return 0;
}

static size_t changes_since(tick_t clock)
{
	size_t n = 0;
	int r = journal_since(J, clock, UINT64_MAX, count_changes, &n);

	return r == -ESTALE ? SIZE_MAX : n;
}

static void test_byte_limit(void **unused)
{
	struct journal_stats stats;
	tick_t oldest;
	uint32_t mark = begin("kept", 'A'); /* has a mark, so it stays */

	end(mark);
	assert_int_equal(publish_with(mark, 'A', 'B', NULL, false), 0);
	journal_set_limit(J, 1000000);
	many(0, 10000);
	journal_stats(J, &stats);
	assert_true(stats.bytes <= 1000000);
	oldest = journal_oldest(J);
	assert_true(oldest > 0);
	assert_string_equal(since(0), "stale");
	assert_string_equal(since(oldest - 1), "stale");
	assert_true(changes_since(oldest) == stats.paths - 1); /* beside "kept" */
	assert_int_equal(at("kept", oldest), 'B');
	assert_true(touched("some/where/file0", oldest - 1));
	assert_int_equal(at("some/where/file0", oldest - 1), '?');
	assert_false(touched("some/where/file0", oldest));
	region_check(&region);
	region_reopen(&region);
	region_check(&region);
	assert_int_equal(journal_oldest(J), oldest);
	assert_true(changes_since(oldest) == stats.paths - 1);
	assert_int_equal(publish(mark, 'A', 'B'), 0);
	journal_set_limit(J, 0);
	journal_stats(J, &stats);
	assert_int_equal(stats.paths, 0);
	assert_int_equal(stats.bytes, 0);
	assert_int_equal(changes_since(journal_tick(J)), 0);
}

static void test_full_region(void **unused)
{
	struct region small;
	struct touching t[2] = { { .path = "x", .touch = TOUCH_CONTENT }, { .touch = TOUCH_CONTENT } };
	struct journal_stats before, after;
	char path[32];
	tick_t tick, last;
	unsigned n = 0;
	int r;

	region_open(&small, 64 * 1024);
	do {
		snprintf(path, sizeof(path), "f%u", n++);
		t[0].path = path;
		r = journal_begin(small.journal, t, 1, NULL, &tick);
	} while (r == 0 && n < 10000);
	assert_int_equal(r, -ENOSPC);
	/* nothing of a request is noted when not all of it can be */
	journal_stats(small.journal, &before);
	last = journal_tick(small.journal);
	t[0].path = "f0";
	t[1].path = "another";
	assert_int_equal(journal_begin(small.journal, t, 2, NULL, &tick), -ENOSPC);
	journal_stats(small.journal, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(journal_tick(small.journal), last);
	assert_int_equal(journal_begin(small.journal, t, 1, NULL, &tick), 0);
	region_check(&small);
	region_close(&small);
}

/* A region that is full of old paths has room for new ones. */
static void test_old_paths_make_room(void **unused)
{
	struct region big = region;
	char path[32];

	region_open(&region, 64 * 1024);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "f%u", i);
		save(path, '-', 'A');
	}
	region_check(&region);
	assert_int_equal(at("f2999", journal_tick(J)), 'A');
	assert_true(journal_oldest(J) > 0);
	/* all the room taken by marks: what is published then is not kept, and clocks before it are no more */
	region_close(&region);
	region = big;
}

static void test_states_run_out(void **unused)
{
	struct region big = region;
	uint32_t marks[200];
	char path[32];
	unsigned n = 0;
	tick_t start;

	region_open(&region, 64 * 1024);
	for (;;) {
		struct touching t = { .path = path, .touch = TOUCH_CONTENT };
		tick_t tick;

		snprintf(path, sizeof(path), "f%u", n);
		if (n == 200 || journal_begin(J, &t, 1, NULL, &tick))
			break;
		marks[n++] = t.mark;
		end(t.mark);
	}
	start = journal_tick(J);
	/* intermediate states on all: however many find no room, none is answered as unchanged */
	for (int round = 0; round < 12; round++) {
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(publish_with(marks[i], '0', (char)('A' + round), NULL, false), 0);
			snprintf(path, sizeof(path), "f%u", i);
			begin(path, '!');
			end(marks[i]);
		}
		region_check(&region);
	}
	assert_int_equal(changes_since(start), n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(publish(marks[i], '0', 'Z'), 0);
	region_check(&region);
	assert_true(changes_since(start) >= n);
	assert_true(changes_since(journal_tick(J)) == 0);
	region_close(&region);
	region = big;
}

/* ---- opening ---- */

static void test_other_layouts(void **unused)
{
	uint64_t *words = calloc(8192, 8);
	struct journal *j;

	words[0] = 4711;
	assert_int_equal(journal_open(&j, words, 65536), -EINVAL);
	words[0] = 0;
	assert_int_equal(journal_open(&j, words, 100), -EINVAL);
	assert_int_equal(journal_open(&j, words, 65536), 0);
	journal_close(j);
	assert_int_equal(journal_open(&j, words, 65528), -EINVAL);
	assert_int_equal(journal_open(&j, words, 65536), 0);
	journal_close(j);
	journal_close(NULL);
	free(words);
}

static void test_reopened(void **unused)
{
	struct stamp stamp = { 1, 2, 3, 4 }, found;
	struct state state;
	uint32_t mark;

	save("a", 'A', 'B');
	mark = begin("b", '-');
	end(mark);
	assert_int_equal(publish_with(mark, '-', 'B', &stamp, true), 0);
	mark = begin("c", 'C');
	end(mark);
	region_reopen(&region);
	region_check(&region);
	assert_int_equal(journal_tick(J), 6);
	assert_string_equal(since(0), "a:AB b:-B c:C?");
	assert_true(journal_stored(J, "b", &state, &found));
	assert_int_equal(found.mtime_ns, 3);
	assert_int_equal(journal_mark_of(J, "c"), mark);
	assert_int_equal(publish(mark, 'C', 'D'), 0);
	assert_string_equal(since(0), "a:AB b:-B c:CD");
}

/* What the dead worker had begun has ended by the opening; what only it knew is not known. */
static void test_reopened_with_requests_in_flight(void **unused)
{
	struct touching t = { .path = "pending", .touch = TOUCH_CONTENT };
	struct state held = letter('u'), prefix = letter('u');
	uint32_t a = begin("a", 'A'), h, p;
	AUTO_FREE struct mark *marks = NULL;
	size_t count, in_flight;
	struct mark copy;
	tick_t tick;

	h = begin("held", '!');
	journal_set_before(J, h, BEFORE_HELD, &held, 0);
	p = begin("prefix", '!');
	journal_set_before(J, p, BEFORE_PREFIX, &prefix, 77);
	assert_int_equal(journal_begin(J, &t, 1, NULL, &tick), 0); /* 4 */
	region_reopen(&region);
	region_check(&region);
	assert_int_equal(journal_marks(J, 99, &marks, &count, &in_flight), 0);
	assert_int_equal(count, 4);
	assert_int_equal(in_flight, 0);
	assert_true(journal_mark(J, a, &copy));
	assert_true(copy.last > 4);
	assert_int_equal(copy.before, BEFORE_KNOWN);
	assert_int_equal(letter_of(&copy.state), 'A');
	assert_true(journal_mark(J, h, &copy));
	assert_int_equal(copy.before, BEFORE_KNOWN);
	assert_int_equal(letter_of(&copy.state), 'u');
	assert_true(journal_mark(J, p, &copy));
	assert_int_equal(copy.before, BEFORE_PREFIX);
	assert_int_equal(copy.size, 77);
	assert_true(journal_mark(J, t.mark, &copy));
	assert_int_equal(copy.before, BEFORE_KNOWN);
	assert_int_equal(copy.state.kind, STATE_UNKNOWN);
	/* the successor does the requests again, and their end is an end */
	begin("a", '!');
	end(a);
	assert_int_equal(publish(a, 'A', 'B'), 0);
	assert_int_equal(at("a", 0), 'A');
	assert_int_equal(at("a", 4), '?');
	assert_int_equal(at("a", journal_tick(J)), 'B');
}

/* ---- size ---- */

static void test_many_paths(void **unused)
{
	struct journal_stats stats;
	tick_t before;

	many(0, 120000);
	journal_stats(J, &stats);
	assert_int_equal(stats.paths, 120000);
	assert_int_equal(changes_since(0), 120000);
	before = journal_tick(J);
	many(5, 10);
	assert_int_equal(changes_since(before), 5); /* they were not absent before, as far as was known */
	before = journal_tick(J);
	save("some/where/file7", 'A', 'B');
	assert_int_equal(changes_since(before), 1);
	region_reopen(&region);
	assert_int_equal(changes_since(before), 1);
	assert_int_equal(changes_since(0), 120000);
}

/* A hundred thousand marks published in the worst order. */
static void test_published_in_reverse(void **unused)
{
	enum { COUNT = 100000 };
	uint32_t *marks = malloc(COUNT * sizeof(*marks));
	char path[32];

	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(path, sizeof(path), "f%u", i);
		marks[i] = begin(path, '-');
		end(marks[i]);
	}
	for (unsigned i = COUNT; i--;) {
		assert_int_equal(publish(marks[i], '-', 'A'), 0);
		if (i % 10000 == 0)
			assert_int_equal(changes_since(0), COUNT);
	}
	assert_int_equal(changes_since(COUNT), COUNT / 2);
	free(marks);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_nothing_yet),
		T(test_one_change),
		T(test_same_content_keeps_its_doubt),
		T(test_there_and_back),
		T(test_touched_in_between),
		T(test_unknown_equals_nothing),
		T(test_oldest_first),
		T(test_overlapping_requests),
		T(test_ended_and_not_compared),
		T(test_touched_between_copy_and_publication),
		T(test_intermediate_states),
		T(test_compared_twice),
		T(test_attributes_publish_nothing),
		T(test_failed_requests),
		T(test_failed_beside_one_that_did_not),
		T(test_several_paths_at_once),
		T(test_copies_of_marks),
		T(test_writer_of_a_change),
		T(test_upto),
		T(test_eight_states),
		T(test_same_states_make_room),
		T(test_pins),
		T(test_pins_are_limited),
		T(test_changed_behind_the_mount),
		T(test_below_a_moved_directory),
		T(test_walked_after_an_answer),
		T(test_touched_between_move_and_walk),
		T(test_published_between_move_and_walk),
		T(test_compared_between_move_and_walk),
		T(test_touched_before_the_move),
		T(test_stored),
		T(test_paths_of_all_lengths),
		T(test_byte_limit),
		T(test_full_region),
		T(test_old_paths_make_room),
		T(test_states_run_out),
		T(test_other_layouts),
		T(test_reopened),
		T(test_reopened_with_requests_in_flight),
		T(test_many_paths),
		T(test_published_in_reverse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
