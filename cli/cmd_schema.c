#include "cli/commands.h"
#include "cli/say.h"
#include "core/config.h"
#include <stdio.h>

static int run_schema(int argc, char **argv)
{
	bool keys = false;
	const struct cli_option options[] = {
		{ "keys", 0, CLI_FLAG, &keys, NULL,
		  "not the schema: name, type and meaning of each key, tabs between" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_BUF text = { 0 };
	int r = cli_parse(&cmd_schema, options, 0, 0, argv, &args);

	if (r >= 0)
		return r;
	if ((keys ? config_help(&text) : config_schema(&text)) < 0) {
		say_error("not enough memory");
		return CLI_FAILED;
	}
	fputs(buf_str(&text), stdout);
	if (text.len && text.data[text.len - 1] != '\n')
		putchar('\n');
	return CLI_OK;
}

const struct cli_command cmd_schema = {
	.name = "schema",
	.summary = "print the JSON schema of hrfs.yaml",
	.usage = "[--keys]",
	.help = "Prints a JSON schema of hrfs.yaml, with which editors complete and check it.\n"
		"\n"
		"  hrfs schema > .hrfs.schema.json\n"
		"  # then, as the first line of hrfs.yaml:\n"
		"  # yaml-language-server: $schema=.hrfs.schema.json\n",
	.run = run_schema,
};
