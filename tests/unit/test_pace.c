/* When a build is cancelled, and when what crashed is started again. */
#include "supervisor/pace.h"
#include "tests/unit/test.h"

static void an_unknown_build_is_let_finish(void **state)
{
	struct pace p = { 0 };

	assert_false(pace_may_cancel(&p, 0));
}

static void the_first_half_is_cancelled_once(void **state)
{
	struct pace p = { 0 };

	pace_built(&p, 1000);
	assert_true(pace_may_cancel(&p, 499));
	assert_false(pace_may_cancel(&p, 500));
	pace_cancelled(&p);
	assert_false(pace_may_cancel(&p, 0)); /* autosave must not starve it */
	pace_built(&p, 1000);
	assert_true(pace_may_cancel(&p, 0));
}

static void the_usual_time_follows(void **state)
{
	struct pace p = { 0 };

	pace_built(&p, 60000); /* cold caches */
	for (int i = 0; i < 12; i++)
		pace_built(&p, 100);
	assert_in_range(p.build_ms, 100, 120);
	pace_built(&p, 0);
	assert_true(p.build_ms > 0);
}

static void crashes_in_a_row_wait_longer(void **state)
{
	struct pace p = { 0 };

	assert_int_equal(pace_crashed(&p, 10), 500);
	assert_int_equal(pace_crashed(&p, 10), 1000);
	assert_int_equal(pace_crashed(&p, 10), 2000);
	for (int i = 0; i < 100; i++)
		pace_crashed(&p, 10);
	assert_int_equal(pace_crashed(&p, 10), 30000);
	assert_int_equal(pace_crashed(&p, 60000), 500); /* it had run well for a while */
	pace_crashed(&p, 10);
	pace_changed(&p);
	assert_int_equal(pace_crashed(&p, 10), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_build_is_let_finish),
		cmocka_unit_test(the_first_half_is_cancelled_once),
		cmocka_unit_test(the_usual_time_follows),
		cmocka_unit_test(crashes_in_a_row_wait_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
