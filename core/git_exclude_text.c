#include "core/git_exclude_text.h"
#include <errno.h>
#include <string.h>

/*
 * "# hrfs: mounted at /abs/path", then the pattern. The comment remembers what the file was like before:
 * "# hrfs (new file): …", "# hrfs (no newline at the end): …".
 */
#define MARK "# hrfs"
#define NEW_FILE " (new file)"
#define NO_NEWLINE " (no newline at the end)"
#define SAYS ": mounted at "

enum before { BEFORE_NOTHING, BEFORE_NO_FILE, BEFORE_NO_NEWLINE };

static const char *const before_texts[] = { "", NEW_FILE, NO_NEWLINE };

struct entry {
	size_t start, end; /* of both lines, in the text */
	enum before before;
	char *mountpoint;
};

static void entry_done(struct entry *e)
{
	free(e->mountpoint);
	e->mountpoint = NULL;
}

int exclude_text_pattern(struct buf *out, const char *relative)
{
	size_t start = out->len;
	int r = buf_putc(out, '/');

	for (; r == 0 && *relative; relative++) {
		if (*relative == '\n')
			r = -EINVAL;
		else if (strchr("\\*?[", *relative))
			r = buf_putc(out, '\\');
		if (r == 0)
			r = buf_putc(out, *relative);
	}
	if (r == 0)
		r = buf_putc(out, '/');
	if (r < 0)
		buf_truncate(out, start);
	return r;
}

/* with its newline; 0 at the end of the text */
static size_t line_len(const struct buf *text, size_t at)
{
	const char *line = text->data + at;
	const char *newline = memchr(line, '\n', text->len - at);

	return newline ? (size_t)(newline - line) + 1 : text->len - at;
}

/* Is this the pattern for a directory that the mountpoint ends with? Else it is a line of somebody else. */
static bool is_pattern_of(const char *line, size_t len, const char *mountpoint)
{
	AUTO_BUF plain = { 0 };
	size_t whole = strlen(mountpoint);

	if (len && line[len - 1] == '\n')
		len--;
	if (len < 3 || line[0] != '/' || line[len - 1] != '/')
		return false;
	for (size_t i = 0; i < len - 1; i++) {
		if (line[i] == '\\' && i + 1 < len - 1)
			i++;
		if (buf_putc(&plain, line[i]) < 0)
			return false;
	}
	return whole >= plain.len && strcmp(mountpoint + whole - plain.len, plain.data) == 0;
}

/* 1: an entry begins at the text's offset `at`, 0: none does */
static int parse_entry(const struct buf *text, size_t at, struct entry *e)
{
	const char *line = text->data + at;
	size_t len = line_len(text, at), next;
	const char *rest = line + strlen(MARK);

	if (strncmp(line, MARK, strlen(MARK)) != 0)
		return 0;
	e->before = BEFORE_NOTHING;
	for (size_t i = BEFORE_NO_FILE; i < ARRAY_SIZE(before_texts); i++) {
		if (strncmp(rest, before_texts[i], strlen(before_texts[i])) == 0) {
			e->before = (enum before)i;
			rest += strlen(before_texts[i]);
		}
	}
	if (strncmp(rest, SAYS, strlen(SAYS)) != 0)
		return 0;
	rest += strlen(SAYS);
	e->mountpoint = strndup(rest, strcspn(rest, "\n"));
	if (!e->mountpoint)
		return -ENOMEM;
	next = line_len(text, at + len);
	e->start = at;
	e->end = at + len + (is_pattern_of(line + len, next, e->mountpoint) ? next : 0);
	return 1;
}

static int put_entry(struct buf *text, enum before before, const char *mountpoint, const char *pattern)
{
	return buf_printf(text, MARK "%s" SAYS "%s\n%s\n", before_texts[before], mountpoint, pattern);
}

int exclude_text_add(struct buf *text, bool made, const char *mountpoint, const char *pattern)
{
	enum before before = made ? BEFORE_NO_FILE : BEFORE_NOTHING;

	if (text->len && text->data[text->len - 1] != '\n') {
		int r = buf_putc(text, '\n');

		if (r < 0)
			return r;
		before = BEFORE_NO_NEWLINE;
	}
	return put_entry(text, before, mountpoint, pattern);
}

static int insert(struct buf *text, size_t at, const char *what)
{
	size_t tail = text->len - at;
	int r = buf_puts(text, what); /* makes the room */

	if (r < 0)
		return r;
	memmove(text->data + at + strlen(what), text->data + at, tail);
	memcpy(text->data + at, what, strlen(what));
	return 0;
}

/*
 * What the removed entry remembered: the next one has to, if it follows at once; that the file is new,
 * any other may. A missing newline is missing again when nothing follows.
 */
static int hand_on(struct buf *text, size_t at, enum before before, bool *made)
{
	struct entry next = { 0 };
	int r = 0;

	if (before == BEFORE_NO_NEWLINE && at == text->len) {
		buf_truncate(text, at ? at - 1 : 0);
		return 0;
	}
	if (before == BEFORE_NO_FILE)
		*made = true;
	while (before != BEFORE_NOTHING && at < text->len) {
		r = parse_entry(text, at, &next);
		if (r == 1 && next.before == BEFORE_NOTHING) {
			*made = false;
			r = insert(text, at + strlen(MARK), before_texts[before]);
			break;
		}
		entry_done(&next);
		if (r < 0 || before == BEFORE_NO_NEWLINE)
			break;
		at += line_len(text, at);
	}
	entry_done(&next);
	return r < 0 ? r : 0;
}

int exclude_text_remove(struct buf *text, bool (*chosen)(const char *mountpoint, const void *arg), const void *arg,
			bool *made)
{
	size_t at = 0;
	int removed = 0;

	*made = false;
	while (at < text->len) {
		struct entry e = { 0 };
		int r = parse_entry(text, at, &e);
		bool take = r == 1 && chosen(e.mountpoint, arg);

		entry_done(&e);
		if (r < 0)
			return r;
		if (!take) {
			at += line_len(text, at);
			continue;
		}
		memmove(text->data + e.start, text->data + e.end, text->len - e.end + 1);
		text->len -= e.end - e.start;
		removed++;
		r = hand_on(text, at, e.before, made);
		if (r < 0)
			return r;
	}
	return removed;
}
