/* When a batch is over: each rule by itself. Times are in milliseconds, and it is 100,000 now. */
#include "fs/settle_rules.h"
#include "tests/unit/test.h"

#define MS 1000000LL
#define NOW 100000
#define QUIET 2
#define CAP 500

/* A mark whose first and last requests were so long ago. */
static struct rule_mark mark(int first_ago, int last_ago)
{
	return (struct rule_mark){ .first_ns = (NOW - first_ago) * MS, .last_ns = (NOW - last_ago) * MS };
}

static struct rule_batch batch(struct rule_mark *marks, size_t count)
{
	return (struct rule_batch){
		.now_ns = NOW * MS,
		.quiet_ns = QUIET * MS,
		.cap_ns = CAP * MS,
		.marks = marks,
		.count = count,
	};
}

static int64_t until(const struct rule_batch *b)
{
	return b->until_ns / MS - NOW;
}

static void test_quiet(void **unused)
{
	struct rule_mark m[] = { mark(10, 10), mark(9, 2) };
	struct rule_batch b = batch(m, 2);

	assert_true(rules_worth_a_look(&b));
	assert_int_equal(rules_decide(&b), 2);
	assert_int_equal(m[0].verdict, VERDICT_PUBLISH);
	assert_int_equal(m[1].verdict, VERDICT_PUBLISH);
}

static void test_not_quiet_yet(void **unused)
{
	struct rule_mark m[] = { mark(10, 10), mark(9, 1) };
	struct rule_batch b = batch(m, 2);

	assert_false(rules_worth_a_look(&b));
	assert_int_equal(until(&b), 1);
	assert_int_equal(rules_decide(&b), 0);
}

static void test_in_flight(void **unused)
{
	struct rule_mark m[] = { mark(100, 100), mark(90, 90) };
	struct rule_batch b = batch(m, 2);

	m[1].in_flight = true;
	assert_false(rules_worth_a_look(&b));
	assert_int_equal(until(&b), CAP - 100);
	assert_int_equal(rules_decide(&b), 0);
}

static void test_held_up(void **unused)
{
	for (int why = 0; why < 3; why++) {
		struct rule_mark m[] = { mark(100, 100), mark(90, 90) };
		struct rule_batch b = batch(m, 2);

		b.locked = why == 0;
		b.tool = why == 1;
		m[1].open = why == 2;
		assert_true(rules_worth_a_look(&b));
		assert_int_equal(rules_decide(&b), 0);
		assert_false(b.capped);
	}
}

/* A long-lived process that writes without end: what has settled is told at the cap. */
static void test_cap(void **unused)
{
	struct rule_mark m[] = { mark(500, 400), mark(300, 0), mark(300, 100) };
	struct rule_batch b = batch(m, 3);

	m[2].open = true;
	assert_true(rules_worth_a_look(&b));
	assert_int_equal(rules_decide(&b), 1);
	assert_true(b.capped);
	assert_int_equal(m[0].verdict, VERDICT_PUBLISH);
	assert_int_equal(m[1].verdict, VERDICT_WAIT);
	assert_int_equal(m[2].verdict, VERDICT_WAIT);
}

static void test_open_and_quiet_for_long(void **unused)
{
	struct rule_mark m[] = { mark(500, 500) };
	struct rule_batch b = batch(m, 1);

	m[0].open = true;
	assert_int_equal(rules_decide(&b), 1);
	assert_int_equal(m[0].verdict, VERDICT_PUBLISH_OPEN);
}

/* A tool, or git, that goes on writing is waited for ten caps long, and one cap when it pauses. */
static void test_cap_of_tools(void **unused)
{
	static const struct {
		int first_ago, last_ago;
		bool capped;
	} rows[] = { { 600, 5, false }, { 600, 499, false }, { 600, 500, true }, { 4999, 5, false }, { 5000, 5, true } };

	for (int why = 0; why < 3; why++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct rule_mark m[] = { mark(rows[i].first_ago, rows[i].last_ago) };
			struct rule_batch b = batch(m, 1);

			b.git = why == 0;
			b.locked = why == 1 || why == 0;
			b.tool = why == 2;
			assert_int_equal(rules_decide(&b), rows[i].capped);
			assert_int_equal(b.capped, rows[i].capped);
		}
	}
}

/* The next git comes later than the next write of a save. */
/* What has to be asked of the system for each of thousands of files is asked only where it decides something. */
static void test_open_is_asked_where_it_decides(void **unused)
{
	static const struct {
		bool tool, hurried, left_over, held_up;
		int first_ago;
		bool asked;
	} rows[] = {
		{ .first_ago = 499, .asked = true },
		{ .first_ago = 499, .held_up = true, .asked = false },
		{ .first_ago = 499, .held_up = true, .hurried = true, .asked = true },
		{ .first_ago = 499, .held_up = true, .left_over = true, .asked = true },
		{ .first_ago = 500, .held_up = true, .asked = true },
		{ .first_ago = 600, .held_up = true, .tool = true, .asked = false },
		{ .first_ago = 5000, .held_up = true, .tool = true, .asked = true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule_mark m[] = { mark(rows[i].first_ago, 5) };
		struct rule_batch b = batch(m, 1);

		b.tool = rows[i].tool;
		m[0].hurried = rows[i].hurried;
		m[0].left_over = rows[i].left_over;
		rules_cap(&b);
		assert_int_equal(rules_ask_open(&b, &m[0], rows[i].held_up), rows[i].asked);
	}
}

static void test_quiet_of_git(void **unused)
{
	struct rule_mark m[] = { mark(100, 39) };
	struct rule_batch b = batch(m, 1);

	b.git = true;
	assert_false(rules_worth_a_look(&b));
	assert_int_equal(until(&b), 1);
	m[0] = mark(100, 40);
	assert_true(rules_worth_a_look(&b));
	assert_int_equal(rules_decide(&b), 1);
}

static void test_hurried_in_the_middle_of_a_save(void **unused)
{
	const struct {
		int first_ago, last_ago;
		bool open, begun;
		enum verdict verdict;
	} rows[] = {
		{ 100, 1, true, true, VERDICT_WAIT },
		{ 100, 49, true, true, VERDICT_WAIT },
		{ 100, 50, true, true, VERDICT_PUBLISH_OPEN },
		{ CAP, 1, true, true, VERDICT_PUBLISH_OPEN },
		{ 100, 1, true, false, VERDICT_PUBLISH_OPEN },
		{ 100, 1, false, true, VERDICT_PUBLISH },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct rule_mark m = mark(rows[i].first_ago, rows[i].last_ago);
		struct rule_batch b = batch(&m, 1);

		m.hurried = true;
		m.open = rows[i].open;
		m.begun = rows[i].begun;
		assert_true(rules_worth_a_look(&b));
		rules_decide(&b);
		assert_int_equal(m.verdict, rows[i].verdict);
	}
}

static void test_hurried(void **unused)
{
	struct rule_mark m[] = { mark(10, 0), mark(10, 0), mark(9, 0), mark(8, 0) };
	struct rule_batch b = batch(m, 4);

	b.tool = b.locked = true;
	m[0].hurried = m[1].hurried = m[2].hurried = true;
	m[1].open = m[2].in_flight = true;
	assert_true(rules_worth_a_look(&b));
	assert_int_equal(rules_decide(&b), 2);
	assert_int_equal(m[0].verdict, VERDICT_PUBLISH);
	assert_int_equal(m[1].verdict, VERDICT_PUBLISH_OPEN);
	assert_int_equal(m[2].verdict, VERDICT_WAIT);
	assert_int_equal(m[3].verdict, VERDICT_WAIT);
}

/* What was left over holds up nobody, and is told when it rests, or after ten caps. */
static void test_left_over(void **unused)
{
	struct rule_mark m[] = { mark(600, 0), mark(10, 5) };
	struct rule_batch b = batch(m, 2);

	m[0].left_over = m[0].open = true;
	assert_true(rules_worth_a_look(&b));
	assert_int_equal(rules_decide(&b), 1);
	assert_int_equal(m[0].verdict, VERDICT_WAIT);
	assert_int_equal(m[1].verdict, VERDICT_PUBLISH);
	m[0].first_ns = (NOW - 5000) * MS;
	assert_int_equal(rules_decide(&b), 2);
	assert_int_equal(m[0].verdict, VERDICT_PUBLISH_OPEN);
	m[0] = mark(600, 3);
	m[0].left_over = true;
	assert_int_equal(rules_decide(&b), 2);
	assert_int_equal(m[0].verdict, VERDICT_PUBLISH);
}

static void test_nothing(void **unused)
{
	struct rule_batch b = batch(NULL, 0);

	assert_false(rules_worth_a_look(&b));
	assert_int_equal(rules_decide(&b), 0);
	assert_true(b.until_ns == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_not_quiet_yet),
		cmocka_unit_test(test_in_flight),
		cmocka_unit_test(test_held_up),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_open_and_quiet_for_long),
		cmocka_unit_test(test_cap_of_tools),
		cmocka_unit_test(test_open_is_asked_where_it_decides),
		cmocka_unit_test(test_quiet_of_git),
		cmocka_unit_test(test_hurried),
		cmocka_unit_test(test_hurried_in_the_middle_of_a_save),
		cmocka_unit_test(test_left_over),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
