#include "cli/say.h"
#include "core/command.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool say_colours(int fd)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static void line(const char *colour, const char *format, va_list args)
{
	bool colours = say_colours(STDERR_FILENO);

	fflush(stdout); /* in the order in which things were said, also in a pipe that takes both */
	fputs(colours ? colour : "", stderr);
	fputs("hrfs:", stderr);
	fputs(colours ? "\033[0m " : " ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void say_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line("\033[1;31m", format, args);
	va_end(args);
}

void say_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line("\033[1m", format, args);
	va_end(args);
}

const char *say_style(enum say_style s)
{
	static const char *const codes[] = {
		[SAY_PLAIN] = "\033[0m", [SAY_BOLD] = "\033[1m",   [SAY_DIM] = "\033[2m",
		[SAY_RED] = "\033[31m",	 [SAY_GREEN] = "\033[32m", [SAY_YELLOW] = "\033[33m",
	};
	static int wanted = -1;

	if (wanted < 0)
		wanted = say_colours(STDOUT_FILENO);
	return wanted ? codes[s] : "";
}

int say_safe(struct buf *out, const char *text)
{
	int r = buf_puts(out, "");

	for (; r == 0 && *text; text++) {
		unsigned char c = (unsigned char)*text;

		r = c < 0x20 || c == 0x7f ? buf_printf(out, "\\%03o", c) : buf_putc(out, (char)c);
	}
	return r;
}

void say_json(const json_t *o)
{
	size_t flags = JSON_ENCODE_ANY | (isatty(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT);

	json_dumpf(o, stdout, flags);
	putchar('\n');
	fflush(stdout);
}

int say_duration(struct buf *out, int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		return buf_printf(out, "%d ms", (int)ms);
	if (s < 60)
		return buf_printf(out, "%d s", (int)s);
	if (s < 3600)
		return buf_printf(out, "%d min", (int)(s / 60));
	if (s < 48 * 3600)
		return buf_printf(out, "%d h %d min", (int)(s / 3600), (int)(s / 60 % 60));
	return buf_printf(out, "%d days", (int)(s / 86400));
}

int say_word(struct buf *out, const char *text)
{
	AUTO_STRV one = { 0 };
	int r = strv_add(&one, text);

	return r < 0 ? r : command_line(&one, out);
}

int say_plain(struct buf *out, const char *text)
{
	int r = buf_puts(out, "");

	while (r == 0 && *text) {
		if (text[0] == '\033' && text[1] == '[') {
			text += 2;
			text += strspn(text, "0123456789;:?");
			text += *text != '\0';
			continue;
		}
		r = buf_putc(out, *text++);
	}
	return r;
}
