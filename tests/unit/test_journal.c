/* The journal cell by cell: what it answers for which clock. */
#include "tests/unit/journal.h"

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

static int take_reason(const struct change *c, void *arg)
{
	*(int *)arg = c->reason;
	return 0;
}

/* Only what was told to be another is worth telling a client of again. */
static void test_another_or_the_same_in_between(void **unused)
{
	int reason = CHANGE_REAL;

	save("a", 'A', 'A');
	assert_int_equal(journal_touched_since(J, 0, 9, take_reason, &reason), 0);
	assert_int_equal(reason, CHANGE_SAME_CONTENT);
	save("a", 'A', 'B');
	save("a", 'B', 'A');
	assert_int_equal(journal_touched_since(J, 0, 99, take_reason, &reason), 0);
	assert_int_equal(reason, CHANGE_REVERTED);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(test_nothing_yet),
		JOURNAL_TEST(test_one_change),
		JOURNAL_TEST(test_same_content_keeps_its_doubt),
		JOURNAL_TEST(test_there_and_back),
		JOURNAL_TEST(test_touched_in_between),
		JOURNAL_TEST(test_another_or_the_same_in_between),
		JOURNAL_TEST(test_unknown_equals_nothing),
		JOURNAL_TEST(test_oldest_first),
		JOURNAL_TEST(test_upto),
		JOURNAL_TEST(test_eight_states),
		JOURNAL_TEST(test_same_states_make_room),
		JOURNAL_TEST(test_pins),
		JOURNAL_TEST(test_pins_are_limited),
		JOURNAL_TEST(test_changed_behind_the_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
