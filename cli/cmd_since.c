#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/say.h"
#include <stdio.h>
#include <string.h>

#define LIST_TIMEOUT_MS (10 * 60 * 1000) /* a fresh answer walks the whole tree */

/* Everything below git's own directories is noise to who asks for what he has changed. */
static json_t *query(const char *clock, bool all)
{
	json_t *q = json_pack("{s:s,s:[s,s,s]}", "since", clock, "fields", "name", "exists", "type");

	if (!all)
		json_object_set_new(q, "expression",
				    json_pack("[s,[s,[s,s],[s,s,s]]]", "not", "anyof", "dirname", ".git", "name",
					      ".git", "wholename"));
	return q;
}

static void print_names(const json_t *files, bool nul)
{
	size_t i;
	json_t *file;

	json_array_foreach(files, i, file)
	{
		AUTO_FREE char *name = json_get_bytes(file, "name");

		if (!name)
			continue;
		fputs(*name ? name : ".", stdout);
		putchar(nul ? '\0' : '\n');
	}
}

static int report(const json_t *answer, bool as_json, bool nul, bool quiet)
{
	const json_t *files = json_object_get(answer, "files");
	bool fresh = json_is_true(json_object_get(answer, "is_fresh_instance"));

	if (quiet)
		return json_array_size(files) || fresh ? CLI_OK : CLI_FAILED;
	if (as_json)
		say_json(answer);
	else
		print_names(files, nul);
	if (!fresh)
		return CLI_OK;
	say_note("that clock is not one of this mount, or older than it remembers: every file there is was listed");
	return CLI_FOREIGN;
}

/* Watchman's forms: a clock, a cursor's name, seconds. The server would speak of a query. */
static bool looks_like_clock(const char *text)
{
	return strncmp(text, "c:", 2) == 0 || strncmp(text, "n:", 2) == 0 || (*text && !text[strspn(text, "0123456789")]);
}

static int run_since(int argc, char **argv)
{
	bool as_json = false, nul = false, all = false, quiet = false;
	const struct cli_option options[] = {
		{ "null", '0', CLI_FLAG, &nul, NULL, "end names with a NUL byte, for xargs -0" },
		{ "all", 'a', CLI_FLAG, &all, NULL, "what lies in .git too" },
		{ "quiet", 'q', CLI_FLAG, &quiet, NULL, "print nothing; 0: something changed, 1: nothing did" },
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "the server's whole answer" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_ASK a = { 0 };
	json_t *answer;
	int r = cli_parse(&cmd_since, options, 1, 2, argv, &args);

	if (r >= 0)
		return r;
	if (!looks_like_clock(args.words.items[0])) {
		say_error("since: '%s' is no clock; 'hrfs clock' prints one", args.words.items[0]);
		return CLI_USAGE;
	}
	r = ask_open(&a, args.words.count > 1 ? args.words.items[1] : NULL);
	if (r == CLI_OK)
		r = ask_call(&a, ask_request(&a, "query", query(args.words.items[0], all)), LIST_TIMEOUT_MS, &answer);
	if (r != CLI_OK)
		return r;
	r = report(answer, as_json, nul, quiet);
	json_decref(answer);
	return r;
}

const struct cli_command cmd_since = {
	.name = "since",
	.summary = "list what has changed since a clock",
	.usage = "[-0] [--all] [--quiet | --json] CLOCK [PATH]",
	.help = "Lists what has changed since CLOCK, which `hrfs clock` printed: a path a line, from\n"
		"the mount's root, removed ones too. Every write that has returned is in the answer.\n"
		"A file that was saved with the bytes it had before, or put back, has not changed.\n"
		"\n"
		"  hrfs since \"$C\"                      a path a line\n"
		"  hrfs since -0 \"$C\" | xargs -0 ls -d   names may hold newlines\n"
		"  hrfs since -q \"$C\" && make            only when something has changed\n"
		"\n"
		"Exit status: 0 (with --quiet 1 when nothing has changed); 3 when there is no mount\n"
		"here; 5 when the clock is another mount's or too old: then every file is listed.\n",
	.run = run_since,
};
