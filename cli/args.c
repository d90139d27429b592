#include "cli/cli.h"
#include "cli/say.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void cli_args_done(struct cli_args *a)
{
	strv_done(&a->words);
	a->command = NULL;
}

static int wrong(const struct cli_command *c)
{
	fprintf(stderr, "      hrfs help %s tells how it is used\n", c->name);
	return CLI_USAGE;
}

/* "500ms", "30s", "2m"; a plain number is seconds */
static int parse_time(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 }, { "min", 60000 }, { "h", 3600000 } };
	char *end;
	double n;

	errno = 0;
	n = strtod(text, &end);
	if (end == text || errno || !(n >= 0 && n <= 1e9))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*ms = (int64_t)(n * (double)units[i].ms);
			return 0;
		}
	}
	return -EINVAL;
}

static int set(const struct cli_command *c, const struct cli_option *o, const char *value)
{
	char *end;
	long n;

	switch (o->kind) {
	case CLI_FLAG:
		*(bool *)o->value = true;
		return -1;
	case CLI_TEXT:
		*(const char **)o->value = value;
		return -1;
	case CLI_LIST:
		return strv_add(o->value, value) ? CLI_FAILED : -1;
	case CLI_TIME:
		if (parse_time(value, o->value) == 0)
			return -1;
		say_error("%s: --%s: a time is wanted, such as 30s or 500ms, not '%s'", c->name, o->name, value);
		return wrong(c);
	case CLI_COUNT:
		n = strtol(value, &end, 10);
		if (*value && !*end && n >= 0 && n <= 1000000) {
			*(int *)o->value = (int)n;
			return -1;
		}
		say_error("%s: --%s: a number is wanted, not '%s'", c->name, o->name, value);
		return wrong(c);
	}
	return CLI_USAGE;
}

static const char *option_name(size_t i, const void *arg)
{
	return ((const struct cli_option *)arg)[i].name;
}

static int unknown(const struct cli_command *c, const struct cli_option *options, const char *word)
{
	const char *near = strncmp(word, "--", 2) == 0 ? cli_nearest(word + 2, option_name, options) : NULL;

	say_error("%s: unknown option %s%s%s%s", c->name, word, near ? " (did you mean --" : "", near ? near : "",
		  near ? "?)" : "");
	return wrong(c);
}

static const struct cli_option *by_name(const struct cli_option *o, const char *name, size_t len)
{
	for (; o->name; o++) {
		if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static const struct cli_option *by_letter(const struct cli_option *o, char letter)
{
	for (; o->name; o++) {
		if (o->letter == letter)
			return o;
	}
	return NULL;
}

/* Takes *argv (an option) and, where it has one, its value. -1 to go on */
static int take_option(const struct cli_command *c, const struct cli_option *options, char ***argv)
{
	char *word = **argv;
	bool named = word[1] == '-';
	size_t len = named ? strcspn(word + 2, "=") : 1;
	const struct cli_option *o = named ? by_name(options, word + 2, len) : by_letter(options, word[1]);
	char *value = named ? (word[2 + len] ? word + 3 + len : NULL) : word[2] ? word + 2 : NULL;

	if (!o)
		return unknown(c, options, word);
	if (o->kind == CLI_FLAG) {
		if (!value)
			return set(c, o, NULL);
		if (named) {
			say_error("%s: --%s takes no value", c->name, o->name);
			return wrong(c);
		}
		/* several letters in one word: the next one in its turn */
		memmove(word + 1, word + 2, strlen(word + 2) + 1);
		(*argv)--;
		return set(c, o, NULL);
	}
	if (!value) {
		value = *++*argv;
		if (!value) {
			(*argv)--;
			say_error("%s: --%s wants a value: %s", c->name, o->name, o->arg);
			return wrong(c);
		}
	}
	return set(c, o, value);
}

static int check_words(const struct cli_command *c, const struct cli_args *a, int min, int max)
{
	if ((int)a->words.count < min) {
		say_error("%s: too few words: hrfs %s %.*s", c->name, c->name, (int)strcspn(c->usage, "\n"), c->usage);
		return wrong(c);
	}
	if (max >= 0 && (int)a->words.count > max) {
		say_error("%s: '%s' is one word too many: hrfs %s %.*s", c->name, a->words.items[max], c->name,
			  (int)strcspn(c->usage, "\n"), c->usage);
		return wrong(c);
	}
	return -1;
}

int cli_parse(const struct cli_command *c, const struct cli_option *options, int min, int max, char **argv,
	      struct cli_args *out)
{
	int r = -1;

	for (argv++; *argv && r == -1; argv++) {
		if (strcmp(*argv, "--") == 0) {
			out->command = argv + 1;
			break;
		}
		if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
			cli_print_help(c, options);
			return CLI_OK;
		}
		if ((*argv)[0] == '-' && (*argv)[1])
			r = take_option(c, options, &argv);
		else
			r = strv_add(&out->words, *argv) ? CLI_FAILED : -1;
	}
	return r == -1 ? check_words(c, out, min, max) : r;
}
