#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/question.h"
#include "cli/say.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SETTLE_MS 1000 /* what was written just before the question belongs to the answer */

static bool is_number(const char *word)
{
	return *word && word[strspn(word, "0123456789")] == '\0' && strlen(word) < 7;
}

/* Number, service or path: what the word is decides what is asked. */
static int question(struct ask *a, const char *word, json_t **out)
{
	*out = json_object();
	if (!word)
		return CLI_OK;
	if (is_number(word)) {
		json_object_set_new(*out, "number", json_integer(atoi(word)));
		return CLI_OK;
	}
	json_decref(*out);
	return question_about(a, "why", word, out);
}

static int run_why(int argc, char **argv)
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
	int r = cli_parse(&cmd_why, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	r = ask_open(&a, NULL);
	if (r == CLI_OK)
		r = ask_settle(&a, SETTLE_MS);
	if (r == CLI_OK)
		r = question(&a, args.words.count ? args.words.items[0] : NULL, &q);
	if (r == CLI_OK)
		r = ask_call(&a, ask_request(&a, "hrfs-why", q), ASK_TIMEOUT_MS, &answer);
	if (r != CLI_OK)
		return r;
	text = json_string_value(json_object_get(answer, "text"));
	if (as_json)
		say_json(answer);
	else if (text)
		printf("%s%s", text, *text && text[strlen(text) - 1] != '\n' ? "\n" : "");
	json_decref(answer);
	return CLI_OK;
}

const struct cli_command cmd_why = {
	.name = "why",
	.summary = "explain the last reload, or why there was none",
	.usage = "[--json] [N | PATH | SERVICE]",
	.help = "Explains the last reload: which change led to it, what was decided, and how long\n"
		"each stage took. With a number that reload, with a service its last one, with a path\n"
		"what its last change led to, or why it led to nothing.\n"
		"\n"
		"  hrfs why\n"
		"  hrfs why 12            reload number 12\n"
		"  hrfs why api\n"
		"  hrfs why static/x.css\n"
		"\n"
		"Exit status: 0; 1 no such service or path; 3 no mount or no supervisor here.\n",
	.run = run_why,
};
