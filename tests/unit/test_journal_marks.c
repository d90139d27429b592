/* Marks: requests that overlap, fail, or only touch; what is published of them, and when. */
#include "tests/unit/journal.h"

/* ---- marks ---- */

/* two requests at once: nothing is certain before both have ended */
static void test_overlapping_requests(void **unused)
{
	uint32_t mark = begin("a", 'A'); /* 1 */

	assert_int_equal(begin("a", '!'), mark); /* 2 */
	end(mark);				 /* 3 */
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

/* What others have changed is heard of late: by then it has been compared, as if it had been so since the last request. */
static void test_compared_before_it_was_heard_of(void **unused)
{
	uint32_t mark = begin("a", 'A');

	end(mark); /* 2; a client takes this clock and sees B, then somebody makes it C */
	assert_int_equal(publish(mark, 'A', 'C'), 0);
	assert_string_equal(since(2), "");
	mark = begin("a", 'C'); /* 3 */
	journal_doubt(J, "a");	/* 4 */
	assert_string_equal(since(2), "a:?C");
	end(mark); /* 5 */
	assert_int_equal(publish(mark, 'C', 'C'), 0);
	assert_string_equal(since(0), "a:AC");
	assert_string_equal(since(2), "a:?C");
	assert_string_equal(since(5), "");
	journal_doubt(J, "never heard of");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(test_overlapping_requests),
		JOURNAL_TEST(test_ended_and_not_compared),
		JOURNAL_TEST(test_touched_between_copy_and_publication),
		JOURNAL_TEST(test_intermediate_states),
		JOURNAL_TEST(test_compared_twice),
		JOURNAL_TEST(test_attributes_publish_nothing),
		JOURNAL_TEST(test_failed_requests),
		JOURNAL_TEST(test_failed_beside_one_that_did_not),
		JOURNAL_TEST(test_several_paths_at_once),
		JOURNAL_TEST(test_copies_of_marks),
		JOURNAL_TEST(test_writer_of_a_change),
		JOURNAL_TEST(test_stored),
		JOURNAL_TEST(test_compared_before_it_was_heard_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
