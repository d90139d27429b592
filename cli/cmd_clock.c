#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/say.h"
#include <stdio.h>

static int run_clock(int argc, char **argv)
{
	bool as_json = false;
	const struct cli_option options[] = {
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "the server's whole answer" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_ASK a = { 0 };
	json_t *answer;
	int r = cli_parse(&cmd_clock, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	r = ask_open(&a, args.words.count ? args.words.items[0] : NULL);
	if (r == CLI_OK)
		r = ask_call(&a, ask_request(&a, "clock", NULL), ASK_TIMEOUT_MS, &answer);
	if (r != CLI_OK)
		return r;
	if (as_json)
		say_json(answer);
	else
		printf("%s\n", json_string_value(json_object_get(answer, "clock")));
	json_decref(answer);
	return CLI_OK;
}

const struct cli_command cmd_clock = {
	.name = "clock",
	.summary = "print the clock: everything written so far lies before it",
	.usage = "[--json] [PATH]",
	.help = "Prints the clock of the mount that PATH (or the working directory) lies in. Every\n"
		"write that has returned is before it. `hrfs since` and `hrfs wait` take it.\n"
		"\n"
		"  C=$(hrfs clock); ./generate; hrfs since \"$C\"     what has generate changed?\n"
		"\n"
		"Exit status: 0; 3 when there is no mount here.\n",
	.run = run_clock,
};
