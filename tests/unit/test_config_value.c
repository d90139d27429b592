/* What single values of hrfs.yaml mean: times, addresses, signals, and which word was meant. */
#include "core/config_keys.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

static void test_durations(void **unused)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{ "0", 0 }, { "5", 5000 }, { "5s", 5000 }, { "500ms", 500 }, { "2m", 120000 }, { "1h", 3600000 }
	};
	static const char *const bad[] = { "", "s", "-1s", "+1s", "1.5s", "1 s", "1d", "1ss", "99999999999999999999" };
	int64_t ms;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(config_parse_duration(cases[i].text, &ms), 0);
		assert_int_equal(ms, cases[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_parse_duration(bad[i], &ms), -EINVAL);
}

static void test_addresses(void **unused)
{
	static const char *const good[] = { "8080",    ":8080",	      "127.0.0.1:80", "localhost:0", "[::1]:80",
					    "[::]:80", "unix:a.sock", "/run/x.sock",  "@abstract" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!config_is_address(good[i]))
			fail_msg("'%s' is an address", good[i]);
	}
}

static void test_signals(void **unused)
{
	assert_int_equal(signal_by_name("HUP"), SIGHUP);
	assert_int_equal(signal_by_name("SIGHUP"), SIGHUP);
	assert_int_equal(signal_by_name("sighup"), SIGHUP);
	assert_int_equal(signal_by_name("usr1"), SIGUSR1);
	assert_int_equal(signal_by_name("15"), SIGTERM);
	assert_int_equal(signal_by_name("15x"), 0);
	assert_int_equal(signal_by_name(""), 0);
	assert_int_equal(signal_by_name("SIG"), 0);
	assert_string_equal(signal_name(SIGTERM), "TERM");
	assert_null(signal_name(0));
	for (int i = 1; i < 32; i++) {
		if (signal_name(i))
			assert_int_equal(signal_by_name(signal_name(i)), i);
	}
}

static void test_nearest(void **unused)
{
	static const char *const names[] = { "build", "run", "ready", "ready_timeout", "reload" };
	static const char *const cases[][2] = {
		{ "biuld", "build" },
		{ "built", "build" },
		{ "relod", "reload" },
		{ "raedy", "ready" },
		{ "readytimeout", "ready_timeout" },
		{ "xyz", NULL },
		{ "", NULL },
		{ "command", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *near = config_nearest(cases[i][0], names, sizeof(names) / sizeof(names[0]));

		if (!near != !cases[i][1] || (near && strcmp(near, cases[i][1]) != 0))
			fail_msg("'%s' is near '%s'", cases[i][0], near ? near : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
