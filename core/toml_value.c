#include "core/toml_parts.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- strings ---- */

static int put_utf8(struct buf *out, unsigned long c)
{
	if (c < 0x80)
		return buf_putc(out, (char)c);
	if (c < 0x800)
		return buf_printf(out, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 0x3f)));
	if (c < 0x10000)
		return buf_printf(out, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3f)),
				  (int)(0x80 | (c & 0x3f)));
	return buf_printf(out, "%c%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 0x3f)),
			  (int)(0x80 | (c >> 6 & 0x3f)), (int)(0x80 | (c & 0x3f)));
}

/* \u1234 or \U00012345, from the letter on */
static int take_unicode(struct toml_reader *r, struct buf *out)
{
	int digits = *r->at == 'u' ? 4 : 8;
	unsigned long c = 0;

	for (r->at++; digits; digits--, r->at++) {
		if (!isxdigit((unsigned char)*r->at))
			return toml_fail(r, "\\u wants four hexadecimal digits, \\U eight");
		c = c << 4 |
		    (unsigned long)(isdigit((unsigned char)*r->at) ? *r->at - '0' : (*r->at | 0x20) - 'a' + 10);
	}
	if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return toml_fail(r, "no character has the number %lx", c);
	return put_utf8(out, c);
}

/* from behind the backslash on */
static int take_escape(struct toml_reader *r, struct buf *out, bool lines)
{
	static const char letters[] = "btnfr\"\\e", meant[] = "\b\t\n\f\r\"\\\033";
	const char *l = *r->at ? strchr(letters, *r->at) : NULL;

	if (*r->at == 'u' || *r->at == 'U')
		return take_unicode(r, out);
	if (l) {
		r->at++;
		return buf_putc(out, meant[l - letters]);
	}
	if (!lines || !(*r->at == '\n' || *r->at == '\r' || *r->at == ' ' || *r->at == '\t'))
		return toml_fail(r, "there is no escape \\%.1s", r->at);
	toml_skip_blanks(r);
	if (*r->at != '\n' && *r->at != '\r')
		return toml_fail(r, "blanks after a backslash");
	for (; *r->at && strchr(" \t\r\n", *r->at); r->at++)
		r->line += *r->at == '\n';
	return 0;
}

static int take_plain(struct toml_reader *r, struct buf *out, bool lines)
{
	unsigned char c = (unsigned char)*r->at;

	if (r->at == r->end || (!lines && c == '\n'))
		return toml_fail(r, "a string without its end");
	if ((c < 0x20 && c != '\t' && !(lines && (c == '\n' || c == '\r'))) || c == 0x7f)
		return toml_fail(r, "a control character in a string");
	r->line += c == '\n';
	r->at++;
	return buf_putc(out, (char)c);
}

int toml_string(struct toml_reader *r, struct buf *out, bool lines_allowed)
{
	char quote = *r->at;
	const char three[] = { quote, quote, quote, '\0' };
	bool lines = lines_allowed && strncmp(r->at, three, 3) == 0;
	int e = buf_puts(out, "");

	r->at += lines ? 3 : 1;
	if (lines && *r->at == '\r' && r->at[1] == '\n')
		r->at++;
	if (lines && *r->at == '\n') { /* right after the quotes: does not count */
		r->at++;
		r->line++;
	}
	while (e == 0) {
		/* up to two quotes may stand before the three that end it */
		if (*r->at == quote && (!lines || (strncmp(r->at, three, 3) == 0 && r->at[3] != quote))) {
			r->at += lines ? 3 : 1;
			return 0;
		}
		if (*r->at == '\\' && quote == '"') {
			r->at++;
			e = take_escape(r, out, lines);
		} else {
			e = take_plain(r, out, lines);
		}
	}
	return e;
}

/* ---- numbers, dates ---- */

/* the digits without their underscores, which stand between digits only */
static int clean_number(const char *word, struct buf *out)
{
	int e = buf_puts(out, "");

	for (size_t i = 0; e == 0 && word[i]; i++) {
		if (word[i] != '_')
			e = buf_putc(out, word[i]);
		else if (!i || !isxdigit((unsigned char)word[i - 1]) || !isxdigit((unsigned char)word[i + 1]))
			return -EINVAL;
	}
	return e;
}

static json_t *integer(const char *s)
{
	static const char prefixes[] = "xob";
	static const int bases[] = { 16, 8, 2 };
	const char *digits = s + (*s == '+' || *s == '-'), *p;
	char *end;
	long long n;
	int base = 10;

	if (*s == '0' && s[1] && (p = strchr(prefixes, s[1]))) {
		base = bases[p - prefixes];
		digits = s += 2;
	} else if (*digits == '0' && digits[1]) {
		return NULL; /* no zeros in front */
	}
	if (!isxdigit((unsigned char)*digits))
		return NULL;
	errno = 0;
	n = strtoll(s, &end, base);
	return *end || errno ? NULL : json_integer(n);
}

static json_t *real(const char *s)
{
	const char *digits = s + (*s == '+' || *s == '-');
	char *end;
	double n;

	/* JSON knows neither */
	if (strcmp(digits, "inf") == 0 || strcmp(digits, "nan") == 0)
		return json_string(s);
	if (!isdigit((unsigned char)*digits) || s[strspn(s, "+-0123456789.eE")] ||
	    (*digits == '0' && isdigit((unsigned char)digits[1])))
		return NULL;
	n = strtod(s, &end);
	return *end || !isfinite(n) || end[-1] == '.' || strstr(s, ".e") ? NULL : json_real(n);
}

/* 1979-05-27T07:32:00Z, 07:32:00 and what lies between, as it is written */
static json_t *moment(const char *s)
{
	bool date = isdigit((unsigned char)s[0]) && strlen(s) >= 10 && s[4] == '-' && s[7] == '-';
	bool clock = isdigit((unsigned char)s[0]) && strlen(s) >= 5 && s[2] == ':';

	return (date || clock) && !s[strspn(s, "0123456789-:.+TtZz ")] ? json_string(s) : NULL;
}

static int take_word(struct toml_reader *r, json_t **out)
{
	size_t len = strcspn(r->at, " \t\r\n,]}#");
	AUTO_FREE char *word = NULL;
	AUTO_BUF number = { 0 };
	json_t *v = NULL;

	/* a date and its time may have a blank between them */
	if (len == 10 && r->at[4] == '-' && r->at[10] == ' ' && isdigit((unsigned char)r->at[11]))
		len += 1 + strcspn(r->at + 11, " \t\r\n,]}#");
	word = strndup(r->at, len);
	if (!word)
		return -ENOMEM;
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
		v = json_boolean(*word == 't');
	else if (clean_number(word, &number) == 0 && !(v = integer(buf_str(&number))))
		v = real(buf_str(&number));
	if (!v)
		v = moment(word);
	if (!v)
		return toml_fail(r, "'%.40s' is no value", word);
	r->at += len;
	*out = v;
	return 0;
}

/* ---- lists and tables ---- */

static int fill_list(struct toml_reader *r, int depth, json_t *list)
{
	for (;;) {
		json_t *item;
		int e = toml_skip_lines(r);

		if (e < 0)
			return e;
		if (*r->at == ']') {
			r->at++;
			return 0;
		}
		e = toml_value(r, depth + 1, &item);
		if (e < 0)
			return e;
		if (json_array_append_new(list, item) < 0)
			return -ENOMEM;
		e = toml_skip_lines(r);
		if (e < 0)
			return e;
		if (*r->at == ',')
			r->at++;
		else if (*r->at != ']')
			return toml_fail(r, "',' or ']' is wanted in a list, not '%.10s'", r->at);
	}
}

static int fill_table(struct toml_reader *r, int depth, json_t *table)
{
	toml_skip_blanks(r);
	if (*r->at == '}') {
		r->at++;
		return 0;
	}
	for (;;) {
		int e = toml_pair(r, depth + 1, table);

		if (e < 0)
			return e;
		toml_skip_blanks(r);
		if (*r->at == '}') {
			r->at++;
			return 0;
		}
		if (*r->at != ',')
			return toml_fail(r, "',' or '}' is wanted, not '%.10s'", r->at);
		r->at++;
	}
}

static int take_string(struct toml_reader *r, json_t **out)
{
	AUTO_BUF text = { 0 };
	int e = toml_string(r, &text, true);

	if (e < 0)
		return e;
	*out = json_string(buf_str(&text));
	return *out ? 0 : -ENOMEM;
}

int toml_value(struct toml_reader *r, int depth, json_t **out)
{
	bool list = *r->at == '[';
	json_t *v;
	int e;

	if (*r->at == '"' || *r->at == '\'')
		return take_string(r, out);
	if (!list && *r->at != '{')
		return take_word(r, out);
	if (depth >= TOML_MAX_DEPTH)
		return toml_fail(r, "nested more than %d levels deep", TOML_MAX_DEPTH);
	r->at++;
	v = list ? json_array() : json_object();
	if (!v)
		return -ENOMEM;
	e = list ? fill_list(r, depth, v) : fill_table(r, depth, v);
	if (e < 0)
		json_decref(v);
	else
		*out = v;
	return e;
}
