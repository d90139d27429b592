/*
 * What a command of the command line is, and what all of them share: how words and options are taken
 * apart, how they speak, and what their exit codes mean. One thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"
#include <stdbool.h>

/* As documented in hrfs(1); `hrfs run` answers its command's own status instead. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,	      /* it could not be done, or the answer is no */
	CLI_USAGE = 2,	      /* the command line makes no sense */
	CLI_NO_MOUNT = 3,     /* no mount here, a dead one, or no supervisor where one is needed */
	CLI_TIMEOUT = 4,      /* it has not come to an end in the time given */
	CLI_FOREIGN = 5,      /* the clock is not one of this mount, or too old: everything counts as changed */
	CLI_RUN_FAILED = 125, /* `hrfs run` itself failed before it could start anything */
};

struct cli_command {
	const char *name;
	const char *summary;		   /* a line of the overview */
	const char *usage;		   /* one form a line, without "hrfs NAME" */
	const char *help;		   /* paragraphs and examples */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; answers an enum cli_exit */
};

/* in the order of the overview; ended by NULL */
extern const struct cli_command *const cli_commands[];
const struct cli_command *cli_find(const char *name);

enum cli_option_kind {
	CLI_FLAG,  /* bool */
	CLI_TEXT,  /* const char * */
	CLI_LIST,  /* struct strv, every one of several */
	CLI_TIME,  /* int64_t milliseconds: "500ms", "30s", "2m", a plain number is seconds */
	CLI_COUNT, /* int, from 0 */
};

struct cli_option {
	const char *name; /* without its "--"; NULL ends a table */
	char letter;	  /* 0: none */
	enum cli_option_kind kind;
	void *value;
	const char *arg; /* what the value is called in the help */
	const char *help;
};

struct cli_args {
	struct strv words;
	char **command; /* what stands after "--"; NULL: there was none */
};

void cli_args_done(struct cli_args *a);
/*
 * Options may stand anywhere before "--". Answers -1 when the command is to go on; else the exit code:
 * help was asked for and printed, or the usage is wrong and that has been said.
 * min, max: how many words (max -1: any number).
 */
int cli_parse(const struct cli_command *c, const struct cli_option *options, int min, int max, char **argv,
	      struct cli_args *out);

/* the help of one command; options may be NULL */
void cli_print_help(const struct cli_command *c, const struct cli_option *options);
/* the name that is nearest to a mistyped word, NULL when none is near */
const char *cli_nearest(const char *word, const char *(*name_at)(size_t i, const void *arg), const void *arg);
