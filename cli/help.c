#include "cli/cli.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void print_usage(const struct cli_command *c)
{
	const char *form = c->usage;
	const char *lead = "Usage:";

	do {
		int len = (int)strcspn(form, "\n");

		printf("%-6s hrfs %s%s%.*s\n", lead, c->name, len ? " " : "", len, form);
		form += len;
		lead = "";
	} while (*form++ == '\n');
}

static void print_option(const char *name, char letter, const char *arg, const char *help)
{
	char text[64];
	const char *end;

	snprintf(text, sizeof(text), "%c%c%s--%s%s%s", letter ? '-' : ' ', letter ? letter : ' ', letter ? ", " : "  ",
		 name, arg ? " " : "", arg ? arg : "");
	/* further lines of the help go below the first */
	for (; (end = strchr(help, '\n')); help = end + 1) {
		printf("  %-24s %.*s\n", text, (int)(end - help), help);
		text[0] = '\0';
	}
	printf("  %-24s %s\n", text, help);
}

void cli_print_help(const struct cli_command *c, const struct cli_option *options)
{
	print_usage(c);
	printf("\n%s", c->help);
	printf("\nOptions:\n");
	for (; options && options->name; options++)
		print_option(options->name, options->letter, options->arg, options->help);
	print_option("help", 'h', NULL, "print this");
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* how many letters must be put in, left out or exchanged */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33];
	size_t b_len = strlen(b);

	if (b_len > 32 || strlen(a) > 32)
		return UINT32_MAX;
	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[b_len];
}

const char *cli_nearest(const char *word, const char *(*name_at)(size_t i, const void *arg), const void *arg)
{
	unsigned least = strlen(word) < 4 ? 2 : 3; /* further away it is another word */
	const char *nearest = NULL;
	const char *name;

	for (size_t i = 0; (name = name_at(i, arg)); i++) {
		unsigned d = distance(word, name);

		if (d < least) {
			least = d;
			nearest = name;
		}
	}
	return nearest;
}
