#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/outcome.h"
#include "cli/say.h"
#include <stdio.h>

static json_t *reload_options(const struct cli_args *args, bool full)
{
	json_t *o = json_pack("{s:b}", "full", full);
	json_t *services = json_array();

	for (size_t i = 0; i < args->words.count; i++)
		json_array_append_new(services, json_bytes(args->words.items[i]));
	if (args->words.count)
		json_object_set(o, "services", services);
	json_decref(services);
	return o;
}

static int run_reload(int argc, char **argv)
{
	bool as_json = false, full = false, no_wait = false;
	int64_t timeout_ms = OUTCOME_TIMEOUT_MS;
	const struct cli_option options[] = {
		{ "full", 0, CLI_FLAG, &full, NULL, "build from scratch, forgetting what is known of it" },
		{ "no-wait", 'n', CLI_FLAG, &no_wait, NULL, "come back once it has begun" },
		{ "timeout", 't', CLI_TIME, &timeout_ms, "TIME", "wait no longer than this (default 10m)" },
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "how it went, of each service" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_ASK a = { 0 };
	json_t *answer;
	int r = cli_parse(&cmd_reload, options, 0, -1, argv, &args);

	if (r >= 0)
		return r;
	r = ask_open(&a, NULL);
	if (r == CLI_OK)
		r = ask_call(&a, ask_request(&a, "hrfs-reload", reload_options(&args, full)), ASK_TIMEOUT_MS, &answer);
	if (r != CLI_OK)
		return r;
	if (no_wait && as_json)
		say_json(answer);
	json_decref(answer);
	return no_wait ? CLI_OK : outcome_wait(&a, NULL, timeout_ms, as_json);
}

const struct cli_command cmd_reload = {
	.name = "reload",
	.summary = "build and restart services now, although nothing has changed",
	.usage = "[--full] [--no-wait] [--timeout TIME] [--json] [SERVICE...]",
	.help = "Builds and restarts the named services (default: all) of the mount that the working\n"
		"directory lies in, and waits until they are ready or have failed.\n"
		"\n"
		"  hrfs reload               all of them\n"
		"  hrfs reload --full api    run api's clean: first\n"
		"\n"
		"Exit status: 0 ready; 1 a build or a start failed (its text is on standard error);\n"
		"3 no mount or no supervisor here; 4 not done in time.\n",
	.run = run_reload,
};
