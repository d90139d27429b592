#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/question.h"
#include "cli/say.h"
#include <stdio.h>
#include <string.h>

static int run_deps(int argc, char **argv)
{
	bool as_json = false;
	const struct cli_option options[] = {
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "the supervisor's whole answer" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_ASK a = { 0 };
	json_t *answer, *q = NULL;
	const char *text;
	int r = cli_parse(&cmd_deps, options, 1, 1, argv, &args);

	if (r >= 0)
		return r;
	r = ask_open(&a, NULL);
	if (r == CLI_OK)
		r = question_about(&a, "deps", args.words.items[0], &q);
	if (r == CLI_OK)
		r = ask_call(&a, ask_request(&a, "hrfs-deps", q), ASK_TIMEOUT_MS, &answer);
	if (r != CLI_OK)
		return r;
	text = json_string_value(json_object_get(answer, "text"));
	if (as_json)
		say_json(answer);
	else if (text)
		fputs(text, stdout);
	json_decref(answer);
	return CLI_OK;
}

const struct cli_command cmd_deps = {
	.name = "deps",
	.summary = "show what a service reads, or who reads a path",
	.usage = "[--json] SERVICE | PATH",
	.help = "With a service, what its build, what it runs and its check have read in all their\n"
		"runs, as a tree, and how: read, executed, listed (a directory: new names in it count),\n"
		"looked at (its name only), looked for (and not found), written. A change of that, and\n"
		"of nothing else, makes it stale. With a path, which jobs have read it.\n"
		"\n"
		"  hrfs deps api\n"
		"  hrfs deps static/x.css\n"
		"\n"
		"Exit status: 0; 1 no such service or path; 3 no mount or no supervisor here.\n",
	.run = run_deps,
};
