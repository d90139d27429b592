/* Whether a command that says nothing of itself is expected to end. */
#include "supervisor/expect.h"
#include "tests/unit/test.h"

#define TIMEOUT 60000

static void of_an_unknown_one_a_second_of_quiet_counts(void **state)
{
	struct expect e = { 0 };

	assert_int_equal(expect_quiet_ms(&e), 1000);
	assert_int_equal(expect_limit_ms(&e, TIMEOUT), TIMEOUT);
}

static void one_that_ended_is_expected_to_end(void **state)
{
	struct expect e = { 0 };

	expect_ended(&e, 300); /* does not compile: says little */
	assert_int_equal(expect_quiet_ms(&e), 1000);
	expect_ended(&e, 20000);
	assert_int_equal(expect_quiet_ms(&e), 20000);
	assert_int_equal(expect_limit_ms(&e, TIMEOUT), TIMEOUT);
	expect_ended(&e, 300);
	assert_int_equal(expect_quiet_ms(&e), 20000);
	expect_ended(&e, 100000);
	assert_int_equal(expect_quiet_ms(&e), 30000); /* nobody waits much longer in vain */
	assert_int_equal(expect_limit_ms(&e, TIMEOUT), 200000);
}

static void one_that_serves_is_no_longer_expected_to(void **state)
{
	struct expect e = { 0 };

	expect_ended(&e, 20000);
	expect_up(&e, false, 50, TIMEOUT);
	assert_int_equal(expect_quiet_ms(&e), 1000);
	expect_ended(&e, 20000);
	expect_up(&e, true, 21000, TIMEOUT); /* quiet for as long */
	assert_int_equal(expect_quiet_ms(&e), 1000);
	assert_int_equal(expect_limit_ms(&e, TIMEOUT), TIMEOUT);
}

static void one_that_always_works_is_waited_for_once(void **state)
{
	struct expect e = { 0 };

	expect_up(&e, true, TIMEOUT, TIMEOUT);
	assert_int_equal(expect_limit_ms(&e, TIMEOUT), 1000);
	assert_int_equal(expect_limit_ms(&e, 500), 500);
	expect_up(&e, true, 1000, TIMEOUT);
	assert_int_equal(expect_limit_ms(&e, TIMEOUT), 1000);
	expect_ended(&e, 90000); /* it did end */
	assert_int_equal(expect_limit_ms(&e, TIMEOUT), 180000);
	expect_up(&e, true, 180000, TIMEOUT);
	expect_up(&e, false, 10, TIMEOUT);
	assert_int_equal(expect_limit_ms(&e, TIMEOUT), TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_an_unknown_one_a_second_of_quiet_counts),
		cmocka_unit_test(one_that_ended_is_expected_to_end),
		cmocka_unit_test(one_that_serves_is_no_longer_expected_to),
		cmocka_unit_test(one_that_always_works_is_waited_for_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
