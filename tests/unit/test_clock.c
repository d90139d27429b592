#include "core/clock.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>

static void test_there_and_back(void **unused)
{
	const struct clock clocks[] = {
		{ 1700000000, 4711, 12 },
		{ 0, 0, 0 },
		{ INT64_MAX, INT64_MAX, UINT64_MAX },
		{ 1, 1, 1 },
	};
	char text[CLOCK_TEXT_SIZE];

	assert_string_equal(clock_text(&clocks[0], text), "c:1700000000:4711:1:12");
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct clock c;

		assert_int_equal(clock_parse(clock_text(&clocks[i], text), &c), 0);
		assert_int_equal(c.start, clocks[i].start);
		assert_int_equal(c.pid, clocks[i].pid);
		assert_true(c.tick == clocks[i].tick);
	}
}

static void test_not_a_clock(void **unused)
{
	static const char *const texts[] = {
		"",
		"c",
		"c:",
		"c:1",
		"c:1:2",
		"c:1:2:1",
		"c:1:2:1:",
		"c:1:2:1:3 ",
		" c:1:2:1:3",
		"c:1:2:1:3:4",
		"c:1:2:2:3",
		"c:-1:2:1:3",
		"c:+1:2:1:3",
		"c: 1:2:1:3",
		"c::2:1:3",
		"c:1:2:1:x",
		"c:1:2:1:3x",
		"C:1:2:1:3",
		"n:cursor",
		"1700000000",
		"c:1:2:1:18446744073709551616",
		"c:9223372036854775808:2:1:3",
		"c:0x1:2:1:3",
	};
	struct clock c = { 5, 6, 7 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (clock_parse(texts[i], &c) != -EINVAL)
			fail_msg("'%s' is no clock", texts[i]);
	}
	assert_int_equal(c.tick, 7);
}

static void test_same_journal(void **unused)
{
	struct clock a = { 1, 2, 3 }, b = { 1, 2, 99 }, c = { 9, 2, 3 }, d = { 1, 9, 3 };

	assert_true(clock_same_journal(&a, &b));
	assert_false(clock_same_journal(&a, &c));
	assert_false(clock_same_journal(&a, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_not_a_clock),
		cmocka_unit_test(test_same_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
