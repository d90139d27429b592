#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/say.h"
#include "hrfs-config.h"
#include <stdio.h>

static int run_get_sockname(int argc, char **argv)
{
	bool as_json = false;
	const struct cli_option options[] = {
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "as `watchman get-sockname` answers" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_ASK a = { 0 };
	int r = cli_parse(&cmd_get_sockname, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	r = ask_open(&a, args.words.count ? args.words.items[0] : NULL);
	if (r != CLI_OK)
		return r;
	if (as_json) {
		json_t *o = json_pack("{s:s,s:o,s:o}", "version", HRFS_VERSION, "sockname", json_bytes(a.mount.socket),
				      "unix_domain", json_bytes(a.mount.socket));

		say_json(o);
		json_decref(o);
	} else {
		printf("%s\n", a.mount.socket);
	}
	return CLI_OK;
}

const struct cli_command cmd_get_sockname = {
	.name = "get-sockname",
	.summary = "print where the mount's socket is",
	.usage = "[--json] [PATH]",
	.help = "Prints the path of the socket of the mount that PATH (or the working directory)\n"
		"lies in. It speaks Watchman's protocol in JSON.\n"
		"\n"
		"  WATCHMAN_SOCK=$(hrfs get-sockname) node build.js   for clients of Watchman\n"
		"\n"
		"Exit status: 0; 3 when there is no mount here.\n",
	.run = run_get_sockname,
};
