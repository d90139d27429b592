#include "core/command.h"
#include "core/base/buf.h"
#include <errno.h>
#include <string.h>

#define SPECIAL "|&;<>()$`\\*?[]{}#~!\n"

static bool only_a_shell_has(const char *word)
{
	static const char *const words[] = {
		".",	"alias", "bg",	 "break",  "case", "cd",     "command", "continue", "eval",
		"exec", "exit",	 "export", "fg",   "for",  "if",     "jobs",	"local",    "read",
		"readonly", "return", "set", "shift", "source", "time", "times", "trap", "type",
		"ulimit", "umask", "unalias", "unset", "until", "wait", "while", ":",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i]) == 0)
			return true;
	}
	return strchr(word, '=') != NULL; /* an assignment */
}

/* One word from *p, without its quotes. 1: a word; 0: it takes a shell; -EINVAL, -ENOMEM */
static int take_word(const char **p, struct buf *word)
{
	const char *s = *p;

	while (*s && !strchr(" \t", *s)) {
		const char *end = s;
		int r;

		if (*s == '\'' || *s == '"') {
			end = strchr(s + 1, *s);
			if (!end)
				return -EINVAL;
			if (*s == '"' && strcspn(s + 1, "$`\\") < (size_t)(end - s - 1))
				return 0;
			r = buf_put(word, s + 1, (size_t)(end - s - 1));
		} else if (strchr(SPECIAL, *s)) {
			return 0;
		} else {
			r = buf_putc(word, *s);
		}
		if (r < 0)
			return r;
		s = end + 1;
	}
	*p = s;
	return 1;
}

/* 1: plain, its words are in argv; 0: it takes a shell */
static int plain_words(const char *line, struct strv *argv)
{
	for (;;) {
		AUTO_BUF word = { 0 };
		bool quoted;
		int r;

		line += strspn(line, " \t");
		if (!*line)
			return 1;
		quoted = *line == '\'' || *line == '"';
		r = buf_reserve(&word, 1);
		if (r == 0)
			r = buf_puts(&word, "");
		if (r == 0)
			r = take_word(&line, &word);
		if (r <= 0)
			return r;
		if (argv->count == 0 && !quoted && only_a_shell_has(buf_str(&word)))
			return 0;
		r = strv_take(argv, buf_take(&word));
		if (r < 0)
			return r;
	}
}

int command_words(const char *line, struct strv *argv)
{
	int r = plain_words(line, argv);

	if (r == 1)
		return argv->count ? 0 : -EINVAL;
	strv_done(argv);
	if (r < 0)
		return r;
	r = strv_add(argv, "sh");
	if (r == 0)
		r = strv_add(argv, "-c");
	if (r == 0)
		r = strv_add(argv, line);
	return r;
}

static int put_quoted(struct buf *out, const char *word)
{
	int r = buf_putc(out, '\'');

	for (; r == 0 && *word; word++)
		r = *word == '\'' ? buf_puts(out, "'\\''") : buf_putc(out, *word);
	return r < 0 ? r : buf_putc(out, '\'');
}

int command_line(const struct strv *argv, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < argv->count; i++) {
		const char *word = argv->items[i];

		if (i)
			r = buf_putc(out, ' ');
		if (r < 0)
			break;
		if (!*word || word[strcspn(word, " \t'\"" SPECIAL)] != '\0')
			r = put_quoted(out, word);
		else
			r = buf_puts(out, word);
	}
	return r;
}
