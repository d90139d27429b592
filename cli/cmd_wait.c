#include "cli/commands.h"
#include "cli/outcome.h"
#include "core/clock.h"
#include "cli/say.h"

static int run_wait(int argc, char **argv)
{
	bool as_json = false;
	int64_t timeout_ms = OUTCOME_TIMEOUT_MS;
	const struct cli_option options[] = {
		{ "timeout", 't', CLI_TIME, &timeout_ms, "TIME", "wait no longer than this (default 10m)" },
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "how it went, of each service" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_ASK a = { 0 };
	struct clock clock;
	const char *until;
	int r = cli_parse(&cmd_wait, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	until = args.words.count ? args.words.items[0] : NULL;
	if (until && clock_parse(until, &clock) < 0) {
		say_error("wait: '%s' is no clock; `hrfs clock` prints one", until);
		return CLI_USAGE;
	}
	r = ask_open(&a, NULL);
	return r == CLI_OK ? outcome_wait(&a, until, timeout_ms, as_json) : r;
}

const struct cli_command cmd_wait = {
	.name = "wait",
	.summary = "wait until everything written before is served by new code",
	.usage = "[--timeout TIME] [--json] [CLOCK]",
	.help = "Comes back when everything that was written before it (or before CLOCK) has been\n"
		"decided on, and each service that had to reload is ready; a command that ends, such as\n"
		"a test run, when it has ended. When a build or a start failed, the compiler's text is\n"
		"on standard error. Without services it waits until all changes have settled.\n"
		"\n"
		"  vi main.go && hrfs wait && curl localhost:8080\n"
		"  hrfs wait --timeout 30s || exit 1\n"
		"  hrfs wait --json | jq '.services[] | {name, state}'\n"
		"\n"
		"Exit status: 0 all is well; 1 a build, a start or a test run failed; 3 no mount\n"
		"here; 4 not done in time.\n",
	.run = run_wait,
};
