/* When a job that does not listen counts as a server that waits. */
#include "supervisor/ready_quiet.h"
#include "tests/unit/test.h"

#define EVERY_MS 50

/* looks from 0 to end_ms; the time of the first one that found it quiet, or -1 */
static int first_quiet(uint64_t (*used)(uint64_t now), bool (*works)(uint64_t now), uint64_t wanted, uint64_t end_ms)
{
	struct quiet q = { 0 };

	for (uint64_t now = 0; now <= end_ms; now += EVERY_MS) {
		if (quiet_look(&q, now, used(now), works(now), wanted))
			return (int)now;
	}
	return -1;
}

static uint64_t none(uint64_t now)
{
	return 0;
}

static bool never(uint64_t now)
{
	return false;
}

static bool always(uint64_t now)
{
	return true;
}

static bool now_and_then(uint64_t now)
{
	return now % (2 * EVERY_MS) == 0;
}

static uint64_t all_the_time(uint64_t now)
{
	return now;
}

static uint64_t two_percent(uint64_t now)
{
	return now / 50;
}

static uint64_t until_three_seconds(uint64_t now)
{
	return now < 3000 ? now : 3000;
}

static uint64_t one_burst(uint64_t now)
{
	return now < 500 ? 0 : 200;
}

static void who_waits_from_the_start_is_quiet(void **state)
{
	assert_int_equal(first_quiet(none, never, 1000, 5000), 1000);
	assert_int_equal(first_quiet(none, never, 30000, 60000), 30000);
}

static void who_works_is_not(void **state)
{
	assert_int_equal(first_quiet(all_the_time, never, 1000, 60000), -1);
	/* starved of a processor, or waiting for a disk: it uses nothing */
	assert_int_equal(first_quiet(none, always, 1000, 60000), -1);
}

static void timers_of_who_waits_do_not_count(void **state)
{
	assert_int_equal(first_quiet(two_percent, never, 1000, 5000), 1000);
	assert_int_equal(first_quiet(none, now_and_then, 1000, 5000), 1000);
}

static void the_time_begins_after_the_work(void **state)
{
	assert_in_range(first_quiet(until_three_seconds, never, 1000, 10000), 3900, 4000);
	assert_int_equal(first_quiet(one_burst, never, 1000, 5000), 1500);
	/* what is little in a long time is much in a short one */
	assert_int_equal(first_quiet(one_burst, never, 10000, 20000), 10000);
}

static void time_that_is_lost_is_work(void **state)
{
	struct quiet q = { 0 };

	assert_false(quiet_look(&q, 0, 100, false, 1000));
	assert_false(quiet_look(&q, 900, 5, false, 1000));
	assert_false(quiet_look(&q, 1800, 5, false, 1000));
	assert_true(quiet_look(&q, 1900, 5, false, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_from_the_start_is_quiet),
		cmocka_unit_test(who_works_is_not),
		cmocka_unit_test(timers_of_who_waits_do_not_count),
		cmocka_unit_test(the_time_begins_after_the_work),
		cmocka_unit_test(time_that_is_lost_is_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
