#include "supervisor/failure.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct line {
	const char *text;
	size_t len;
};

/* a line of the text, without blanks around it; false: there are no more */
static bool next_line(const char **text, struct line *out)
{
	const char *start = *text, *end = start + strcspn(start, "\n");

	if (!*start)
		return false;
	*text = *end ? end + 1 : end;
	while (start < end && isspace((unsigned char)*start))
		start++;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	*out = (struct line){ start, (size_t)(end - start) };
	return true;
}

static bool has_word(struct line l, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= l.len; i++) {
		if (strncasecmp(l.text + i, word, len) == 0)
			return true;
	}
	return false;
}

static size_t digits(struct line l, size_t at)
{
	size_t n = 0;

	while (at + n < l.len && isdigit((unsigned char)l.text[at + n]))
		n++;
	return n;
}

static bool is_name_byte(char c)
{
	return !isspace((unsigned char)c) && !strchr("\"'`()[]{}<>=,;:|", c);
}

/* is what ends before `end` the name of a file? with a letter, and a dot or slash; no address of a host */
static bool is_file_before(struct line l, size_t end, size_t *start)
{
	bool letter = false, mark = false;
	size_t i = end;

	for (; i && is_name_byte(l.text[i - 1]); i--) {
		letter = letter || isalpha((unsigned char)l.text[i - 1]) || (l.text[i - 1] & 0x80);
		mark = mark || l.text[i - 1] == '.' || l.text[i - 1] == '/';
	}
	*start = i;
	return letter && mark && end - i < 4096 && strncmp(l.text + i, "//", 2) != 0;
}

/* "main.c:12" or "main.ts(12": where does it start? */
static bool find_colon_place(struct line l, size_t *start)
{
	for (size_t i = 1; i + 1 < l.len; i++) {
		size_t n;

		if (l.text[i] != ':' && l.text[i] != '(')
			continue;
		n = digits(l, i + 1);
		if (!n || n > 7 || !is_file_before(l, i, start))
			continue;
		if (l.text[i] == '(' && (i + 1 + n >= l.len || !strchr(",):", l.text[i + 1 + n])))
			continue;
		return true;
	}
	return false;
}

/* `File "x.py", line 3` */
static bool find_python_place(struct line l, size_t *start)
{
	static const char head[] = "File \"", middle[] = "\", line ";

	for (size_t i = 0; i + sizeof(head) < l.len; i++) {
		const char *end;
		size_t after;

		if (strncmp(l.text + i, head, sizeof(head) - 1) != 0)
			continue;
		end = memchr(l.text + i + sizeof(head) - 1, '"', l.len - i - sizeof(head) + 1);
		if (!end)
			return false;
		after = (size_t)(end - l.text);
		if (after + sizeof(middle) > l.len || strncmp(end, middle, sizeof(middle) - 1) != 0)
			return false;
		*start = i;
		return digits(l, after + sizeof(middle) - 1) > 0;
	}
	return false;
}

static int put_python(struct line l, size_t start, struct buf *out)
{
	const char *name = l.text + start + strlen("File \"");
	size_t name_len = strcspn(name, "\""), line_at = (size_t)(name - l.text) + name_len + strlen("\", line ");

	return buf_printf(out, "%.*s:%.*s", (int)name_len, name, (int)digits(l, line_at), l.text + line_at);
}

/* never in the middle of a character */
static int put_cut(const char *text, size_t len, struct buf *out)
{
	size_t keep = len;
	int r;

	if (len > FAILURE_MAX_BYTES - 3) {
		keep = FAILURE_MAX_BYTES - 3;
		while (keep && (text[keep] & 0xc0) == 0x80)
			keep--;
	}
	for (size_t i = 0; i < keep; i++) {
		r = buf_putc(out, iscntrl((unsigned char)text[i]) ? ' ' : text[i]);
		if (r < 0)
			return r;
	}
	return keep < len ? buf_puts(out, "\xe2\x80\xa6") : 0;
}

/*
 * A traceback has its places in one line each and what is wrong in the last; the innermost call is
 * named last, but library code may stand there: the last one that is not in a lib folder is shown.
 */
static int python_line(const char *text, struct buf *out)
{
	struct line l, place = { 0 }, last = { 0 };
	size_t start, place_start = 0;
	AUTO_BUF whole = { 0 };
	int r;

	while (next_line(&text, &l)) {
		if (!l.len)
			continue;
		last = l;
		if (!find_python_place(l, &start))
			continue;
		if (place.text && (has_word(l, "/lib/python") || has_word(l, "<frozen")))
			continue;
		place = l;
		place_start = start;
	}
	if (!place.text)
		return -ENOENT;
	r = put_python(place, place_start, &whole);
	if (r == 0 && last.text != place.text)
		r = buf_printf(&whole, ": %.*s", (int)last.len, last.text);
	return r < 0 ? r : put_cut(buf_str(&whole), whole.len, out);
}

int failure_line(const char *text, struct buf *out)
{
	struct line l, found = { 0 }, last = { 0 };
	bool found_error = false;
	const char *rest = text;
	size_t start, found_start = 0;

	while (next_line(&rest, &l)) {
		bool error = has_word(l, "error") || has_word(l, "undefined reference");

		if (l.len)
			last = l;
		if ((found.text && (found_error || !error)) || !find_colon_place(l, &start))
			continue;
		found = l;
		found_start = start;
		found_error = error;
	}
	if (!last.text)
		return -ENOENT;
	if (!found_error) {
		int r = python_line(text, out);

		if (r != -ENOENT)
			return r;
	}
	if (!found.text)
		return put_cut(last.text, last.len, out);
	return put_cut(found.text + found_start, found.len - found_start, out);
}
