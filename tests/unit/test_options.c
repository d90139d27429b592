/* The command line of hrfs-supervisor. */
#include "supervisor/options.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define NEEDED "--socket", "/s.sock", "--mountpoint", "/m", "--source", "/src"

/* words after the three that are always needed */
static int parse(struct options *out, struct buf *error, const char *const *words)
{
	static const char *argv[32] = { "hrfs-supervisor", NEEDED };
	int argc = 7;

	for (; *words; words++)
		argv[argc++] = *words;
	argv[argc] = NULL;
	optind = 0; /* from the start again */
	return options_parse(argc, (char **)argv, out, error);
}

static void takes_all(void **state)
{
	AUTO_BUF error = { 0 };
	struct options o;

	assert_int_equal(
		parse(&o, &error, (const char *[]){ "--device", "0:57",	     "--cwd",	   "a/b",	"--watch",
						    "x",	"--watch",   "y",	   "--ignore",	"z",
						    "--keys",	"--markers", "--detached", "--consent", "--name",
						    "n",	"--",	     "go",	   "--service", NULL }),
		0);
	assert_string_equal(o.socket, "/s.sock");
	assert_string_equal(o.mountpoint, "/m");
	assert_string_equal(o.source, "/src");
	assert_int_equal(o.device, makedev(0, 57));
	assert_string_equal(o.cwd, "a/b");
	assert_int_equal(o.watch.count, 2);
	assert_int_equal(o.ignore.count, 1);
	assert_true(o.keys && o.markers && o.detached && o.consent);
	assert_int_equal(o.lifeline, -1);
	assert_int_equal(o.config, -1);
	assert_string_equal(o.command[0], "go");
	assert_string_equal(o.command[1], "--service");
	options_done(&o);
}

static void descriptors_are_kept_from_jobs(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	AUTO_BUF error = { 0 };
	char number[16];
	struct options o;

	snprintf(number, sizeof(number), "%d", fd);
	assert_int_equal(parse(&o, &error, (const char *[]){ "--lifeline", number, NULL }), 0);
	assert_int_equal(o.lifeline, fd);
	assert_int_equal(parse(&o, &error, (const char *[]){ "--config", number, NULL }), 0);
	assert_int_equal(o.config, fd);
	assert_int_equal(parse(&o, &error, (const char *[]){ "--config", number, "--", "x", NULL }), -EINVAL);
	assert_string_equal(error.data, "a COMMAND and --config exclude each other: 'x'");
	buf_truncate(&error, 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	options_done(&o);
	close(fd);
}

static void says_what_is_wrong(void **state)
{
	static const char *const cases[][4] = {
		{ "--ready", "999", NULL, "no open descriptor: '999'" },
		{ "--ready", "x", NULL, "no open descriptor: 'x'" },
		{ "--device", "57", NULL, "no device as MAJOR:MINOR: '57'" },
		{ "--cwd", "/abs", NULL, "--cwd is relative to the mountpoint, not '/abs'" },
		{ "--nothing", NULL, NULL, "an option that it does not have" },
		{ "--watch", NULL, NULL, "one without its value" },
		{ "--service=a", "b", NULL, "exclude each other: 'b'" },
		{ "--socket=relative", NULL, NULL, "absolute paths" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF error = { 0 };
		struct options o;

		assert_int_equal(parse(&o, &error, cases[i]), -EINVAL);
		assert_non_null(strstr(buf_str(&error), cases[i][3]));
		options_done(&o);
	}
}

static void a_command_gets_a_name(void **state)
{
	static const struct {
		const char *word, *name;
	} cases[] = {
		{ "/usr/bin/python3", "python3" },
		{ "./my.server", "my-server" },
		{ "make all && ./x", "make" },
		{ "...", "run" },
		{ "a-name-that-is-much-too-long-for-a-name", "a-name-that-is-much-too-" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *command[] = { (char *)cases[i].word, NULL };
		struct options o = { .command = command };
		AUTO_BUF name = { 0 };

		assert_int_equal(options_name(&o, &name), 0);
		assert_string_equal(buf_str(&name), cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_all),
		cmocka_unit_test(descriptors_are_kept_from_jobs),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(a_command_gets_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
