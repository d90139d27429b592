#include "cli/commands.h"
#include "cli/say.h"
#include <stdio.h>

static const char intro[] = "hrfs mounts a source tree and restarts what must be restarted when it changes.\n"
			    "\n"
			    "  hrfs run -- go run ./cmd/api     run a command here; restart it at each real change\n"
			    "  hrfs run                         the same with the services of hrfs.yaml\n"
			    "  hrfs mount ~/src/app             mount a tree over itself, in the background\n"
			    "  hrfs wait && curl localhost:8080 save, wait, ask: the answer is from the new code\n"
			    "  hrfs log -f                      see changes, and what the services say, as they come\n"
			    "  hrfs why                         why was it restarted?\n"
			    "  hrfs umount                      take the mount away\n"
			    "\n"
			    "Commands:\n";

static const char outro[] = "\n"
			    "hrfs help COMMAND tells of one command, man hrfs of all, man 5 hrfs.yaml of the file.\n"
			    "\n"
			    "Exit status: 0 done; 1 it could not be done, or the answer is no; 2 wrong usage;\n"
			    "3 no mount or no supervisor here; 4 timed out; 5 an unknown clock (hrfs since).\n"
			    "hrfs run: the command's own; 125 when hrfs itself failed.\n";

void help_overview(FILE *to)
{
	fputs(intro, to);
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		fprintf(to, "  %-13s %s\n", (*c)->name, (*c)->summary);
	fputs(outro, to);
}

static int run_help(int argc, char **argv)
{
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	const struct cli_option options[] = { { NULL, 0, CLI_FLAG, NULL, NULL, NULL } };
	const struct cli_command *c;
	int r;

	if (argv[0][0] == '-') { /* hrfs --help */
		help_overview(stdout);
		return CLI_OK;
	}
	r = cli_parse(&cmd_help, options, 0, 1, argv, &args);
	if (r >= 0)
		return r;
	if (!args.words.count) {
		help_overview(stdout);
		return CLI_OK;
	}
	c = cli_find(args.words.items[0]);
	if (!c) {
		say_error("there is no command '%s'; 'hrfs help' lists them", args.words.items[0]);
		return CLI_USAGE;
	}
	return c->run(2, (char *[]){ (char *)c->name, (char[]){ "--help" }, NULL });
}

const struct cli_command cmd_help = {
	.name = "help",
	.summary = "tell of all commands, or of one",
	.usage = "[COMMAND]",
	.help = "Without a word an overview, else what COMMAND does, with examples.\n",
	.run = run_help,
};
