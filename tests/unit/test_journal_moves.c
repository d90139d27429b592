/* What lies below a directory that has moved, and is found by the settler only later. */
#include "tests/unit/journal.h"

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

/* What was only touched has moved now: whoever compares must look. */
static void test_attributes_before_the_move(void **unused)
{
	uint32_t mark = begin_as("d/x", TOUCH_ATTR, 'A'); /* 1 */
	struct mark copy;

	end(mark);	/* 2 */
	move("d", "e"); /* 3 4 */
	assert_int_equal(mark_like(journal_mark_of(J, "d"), "d/x", 'A'), mark);
	assert_true(journal_mark(J, mark, &copy));
	assert_int_equal(copy.touched, TOUCH_ATTR | TOUCH_NAME);
	assert_int_equal(publish(mark, 'A', '-'), 0);
	assert_int_equal(at("d/x", 2), 'A');
	assert_int_equal(at("d/x", 4), '-');
}

/* Two directories are exchanged: what one walk can't know of a path, the other one says. */
static void test_exchanged(void **unused)
{
	uint32_t e = move("d", "e"), d = journal_mark_of(J, "d"), x, y; /* 1 2 */
	struct mark copy;

	x = mark_like(e, "e/x", '?');
	assert_int_equal(mark_like(e, "e/x", 'B'), x);
	assert_true(journal_mark(J, x, &copy));
	assert_int_equal(letter_of(&copy.state), 'B');
	y = mark_like(d, "d/y", 'C');
	assert_int_equal(mark_like(d, "d/y", '?'), y);
	assert_true(journal_mark(J, y, &copy));
	assert_int_equal(letter_of(&copy.state), 'C');
	assert_int_equal(mark_like(d, "d/y", 'D'), y); /* what was said first holds */
	assert_true(journal_mark(J, y, &copy));
	assert_int_equal(letter_of(&copy.state), 'C');
	assert_int_equal(publish(x, 'B', 'A'), 0);
	assert_int_equal(at("e/x", 0), 'B');
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(test_below_a_moved_directory),	   JOURNAL_TEST(test_walked_after_an_answer),
		JOURNAL_TEST(test_touched_between_move_and_walk),  JOURNAL_TEST(test_published_between_move_and_walk),
		JOURNAL_TEST(test_compared_between_move_and_walk), JOURNAL_TEST(test_touched_before_the_move),
		JOURNAL_TEST(test_attributes_before_the_move),	   JOURNAL_TEST(test_exchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
