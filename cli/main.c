/* hrfs: the words that a user types, and what is done with them. */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/mount_helper.h"
#include "cli/say.h"
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

const struct cli_command *const cli_commands[] = {
	&cmd_mount,  &cmd_umount, &cmd_run,  &cmd_init,	&cmd_trace,  &cmd_trust,	&cmd_status,  &cmd_log,
	&cmd_clock,  &cmd_since,  &cmd_wait, &cmd_why,	&cmd_deps,   &cmd_reload,	&cmd_get_sockname, &cmd_doctor, &cmd_upgrade,
	&cmd_version, &cmd_help,  &cmd_schema, NULL,
};

const struct cli_command *cli_find(const char *name)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		if (strcmp((*c)->name, name) == 0)
			return *c;
	}
	return NULL;
}

static const char *command_name(size_t i, const void *arg)
{
	return cli_commands[i] ? cli_commands[i]->name : NULL;
}

static int unknown(const char *word)
{
	const char *near = cli_nearest(word, command_name, NULL);

	if (near)
		say_error("there is no command '%s'; did you mean 'hrfs %s'?", word, near);
	else
		say_error("there is no command '%s'; 'hrfs help' lists them", word);
	return CLI_USAGE;
}

/* the words that stand for a command, as other programs spell them */
static const struct cli_command *by_word(const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return &cmd_help;
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return &cmd_version;
	return cli_find(word);
}

/* What was printed must have arrived: a full disk is no success. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	say_error("standard output: cannot be written");
	return code == CLI_OK ? CLI_FAILED : code;
}

int main(int argc, char **argv)
{
	const struct cli_command *c;

	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		help_overview(stderr);
		return CLI_USAGE;
	}
	if (mount_helper_is(argc, argv))
		return mount_helper_run(argc, argv);
	c = by_word(argv[1]);
	return c ? finish(c->run(argc - 1, argv + 1)) : unknown(argv[1]);
}
