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

static void test_regexes(void **unused)
{
	static const char *const good[] = {
		"listening on .*:[0-9]{1,5}$",
		"[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
		"a{1000}",
		"([[:digit:]]{4}-){2}",
		"[](){255}]{255}",
		"[[.(.]]*(ready|up)+",
		"\\({200}",
		"a)",
		"(a{100}){190}",
		"[^]]x",
	};
	static const char *const bad[] = {
		"(a{255}){255}",
		"a{255}{255}",
		"((((((a{9}){9}){9}){9}){9}){9})",
		"(a{300}b{300}c{300}){23}",
		"(",
		"[",
		"a{2,1}",
		"a{20000}",
		"([a-z]{150}){150}",
		"(\\){150}){150}",
		"a{99999999999999999999}",
	};
	AUTO_BUF nested = { 0 };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!config_is_regex(good[i]))
			fail_msg("'%s' is refused", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (config_is_regex(bad[i]))
			fail_msg("'%s' is taken", bad[i]);
	}
	/* each "+" writes what stands before it twice */
	for (int i = 0; i < 40; i++)
		assert_int_equal(buf_puts(&nested, "("), 0);
	assert_int_equal(buf_puts(&nested, "a"), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(buf_puts(&nested, "+)"), 0);
	assert_false(config_is_regex(buf_str(&nested)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_regexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
