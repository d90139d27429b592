#include "cli/commands.h"
#include "cli/say.h"
#include "hrfs-config.h"
#include <stdio.h>
#include <sys/utsname.h>

static int run_version(int argc, char **argv)
{
	bool as_json = false;
	const struct cli_option options[] = {
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "with the kernel's version" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	struct utsname kernel;
	int r = cli_parse(&cmd_version, options, 0, 0, argv, &args);

	if (r >= 0)
		return r;
	if (as_json && uname(&kernel) == 0) {
		json_t *o = json_pack("{s:s,s:s}", "version", HRFS_VERSION, "kernel", kernel.release);

		say_json(o);
		json_decref(o);
	} else {
		printf("hrfs %s\n", HRFS_VERSION);
	}
	return CLI_OK;
}

const struct cli_command cmd_version = {
	.name = "version",
	.summary = "print the version",
	.usage = "[--json]",
	.help = "Prints hrfs's version.\n",
	.run = run_version,
};
