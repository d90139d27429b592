#include "cli/commands.h"
#include "cli/run_mount.h"
#include "cli/run_tree.h"
#include "cli/say.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* the report's descriptor, which the supervisor inherits. CLI_OK or the exit code */
static int open_report(const char *file, int *out)
{
	*out = file ? open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
	if (!file || *out >= 0)
		return CLI_OK;
	say_error("%s: %s", file, strerror(errno));
	return CLI_FAILED;
}

static int trace(struct run_request *q, struct cli_args *args, const char *file)
{
	AUTO_DONE(run_tree) struct run_tree t = { 0 };
	int r;

	if (!args->command || !args->command[0]) {
		say_error("trace: a command is wanted after '--'");
		return CLI_USAGE;
	}
	q->command = args->command;
	q->trace = true;
	r = open_report(file, &q->report);
	if (r == CLI_OK)
		r = run_tree_find(&t, q);
	return r == CLI_OK ? run_mount(q, &t) : r;
}

static int run_trace(int argc, char **argv)
{
	AUTO_DONE(run_request) struct run_request q = { .report = -1 };
	const char *file = NULL;
	const struct cli_option options[] = {
		{ "output", 'o', CLI_TEXT, &file, "FILE", "the report goes there (default: standard error)" },
		{ "json", 'j', CLI_FLAG, &q.json, NULL, "the report as one object of JSON" },
		{ "source", 's', CLI_TEXT, &q.source, "DIR", "the tree (default: as hrfs run finds it)" },
		{ "blind", 0, CLI_FLAG, &q.blind, NULL, "run it without looking at what it reads, to compare times" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	int r = cli_parse(&cmd_trace, options, 0, 0, argv, &args);

	if (r < 0)
		r = trace(&q, &args, file);
	return r == CLI_OK ? CLI_OK : CLI_RUN_FAILED;
}

const struct cli_command cmd_trace = {
	.name = "trace",
	.summary = "run a command and print what it reads and writes in the tree",
	.usage = "[OPTIONS] -- COMMAND [ARG...]",
	.help = "Runs COMMAND once and prints, by path, what it and everything that it starts has done\n"
		"with each file of the tree: executed, read, listed (a directory), looked at (its name\n"
		"only), looked for (and not found), wrote. What others do meanwhile is not told, nor what\n"
		"lies outside of the tree. It is what hrfs run goes by.\n"
		"\n"
		"Where there is no mount the tree is mounted for as long as the command runs.\n"
		"\n"
		"  hrfs trace -- make\n"
		"  hrfs trace -o reads.txt -- go build ./...\n"
		"\n"
		"Exit status: the command's own; 125 when hrfs itself failed.\n",
	.run = run_trace,
};
