#include "cli/commands.h"
#include "cli/run_mount.h"
#include "cli/run_tree.h"
#include "cli/say.h"
#include "core/config.h"

static int check(struct run_request *q, struct cli_args *args)
{
	if (args->command && !args->command[0]) {
		say_error("run: a command is wanted after '--'");
		return CLI_USAGE;
	}
	if (args->command && q->cmd) {
		say_error("run: there are two commands, --cmd and what stands after '--'");
		return CLI_USAGE;
	}
	q->command = args->command;
	if (q->cmd) {
		q->words[0] = (char *)q->cmd;
		q->command = q->words;
	}
	if (q->command && args->words.count) {
		say_error("run: either services or a command: '%s' stands before the '--'", args->words.items[0]);
		return CLI_USAGE;
	}
	if (!q->command && (q->watch.count || q->ignore.count || q->name)) {
		say_error(
			"run: --watch, --ignore and --name are for a command; services have keys in " CONFIG_FILE_NAME);
		return CLI_USAGE;
	}
	return strv_add_all(&q->services, &args->words) < 0 ? CLI_FAILED : CLI_OK;
}

static int run_it(struct run_request *q, struct cli_args *args)
{
	AUTO_DONE(run_tree) struct run_tree t = { 0 };
	int r = check(q, args);

	if (r == CLI_OK)
		r = run_tree_find(&t, q);
	if (r != CLI_OK)
		return r;
	return run_mount(q, &t);
}

static int run_run(int argc, char **argv)
{
	AUTO_DONE(run_request) struct run_request q = { 0 };
	const struct cli_option options[] = {
		{ "source", 's', CLI_TEXT, &q.source, "DIR",
		  "the tree (default: where hrfs.yaml is, here or above;\nwithout one the working directory)" },
		{ "at", 0, CLI_TEXT, &q.at, "DIR", "mount it there, not over itself" },
		{ "option", 'o', CLI_LIST, &q.options, "OPT[,OPT...]", "options of the mount, as in hrfs mount" },
		{ "watch", 'w', CLI_LIST, &q.watch, "DIR[,DIR...]",
		  "only what is below these, or matches these patterns,\nrestarts the command" },
		{ "ignore", 'i', CLI_LIST, &q.ignore, "DIR[,DIR...]", "what is below these never does" },
		{ "cmd", 'c', CLI_TEXT, &q.cmd, "LINE", "the command as one line, by the shell where it needs one" },
		{ "name", 0, CLI_TEXT, &q.name, "NAME", "what the command is called in logs" },
		{ "keys", 'k', CLI_FLAG, &q.keys, NULL,
		  "Enter reloads, p pauses, w says why, q quits (with\nseveral services always so)" },
		{ "blind", 0, CLI_FLAG, &q.blind, NULL,
		  "do not look at what is read: every change that git\ndoes not ignore counts" },
		{ "markers", 0, CLI_FLAG, &q.markers, NULL, "a line at the begin of each build, for editors" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	int r = cli_parse(&cmd_run, options, 0, -1, argv, &args);

	if (r < 0)
		r = run_it(&q, &args);
	/* comes back only when it did not become the supervisor; its own codes would look like the command's */
	return r == CLI_OK ? CLI_OK : CLI_RUN_FAILED;
}

const struct cli_command cmd_run = {
	.name = "run",
	.summary = "mount the tree one stands in, run a command or services, unmount at the end",
	.usage = "[OPTIONS] -- COMMAND [ARG...]\n[OPTIONS] [SERVICE...]",
	.help = "Mounts the tree over itself, starts COMMAND, or the services of hrfs.yaml (default:\n"
		"all), and restarts each when something that it has read has changed. A save that\n"
		"changes nothing, what no command has read, or what it writes itself, restarts\n"
		"nothing. The working directory stays the one you are in. At the end, Ctrl-C or kill,\n"
		"the mount goes away. In a mount that exists already that one is used, and stays.\n"
		"\n"
		"Without hrfs.yaml and COMMAND the services are derived from what lies in the working\n"
		"directory (go.mod, package.json, manage.py, Cargo.toml, Makefile, Procfile, ...), shown\n"
		"as the lines of an hrfs.yaml, and started; `hrfs init` writes the same down.\n"
		"\n"
		"  hrfs run -- go run ./cmd/api            anything that runs until it is stopped\n"
		"  hrfs run -- go test ./...               or that ends: again at each change\n"
		"  hrfs run                                services of hrfs.yaml, or what can be derived\n"
		"  hrfs run api web                        these, and what they come after\n"
		"  hrfs run --watch src --cmd 'make && ./app'\n"
		"\n"
		"Exit status: the command's own (of several services the first one that is not 0);\n"
		"128 + N when signal N ended it; 125 when hrfs itself failed.\n",
	.run = run_run,
};
