#include "core/protocol.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- incoming ---- */

void protocol_done(struct protocol *p)
{
	buf_done(&p->in);
	*p = (struct protocol){ 0 };
}

int protocol_feed(struct protocol *p, const void *data, size_t len)
{
	/* what has been taken makes room here, once for many lines */
	buf_consume(&p->in, p->start);
	p->scanned -= p->start;
	p->start = 0;
	return buf_put(&p->in, data, len);
}

static bool is_request(const json_t *value)
{
	return json_is_array(value) && json_is_string(json_array_get(value, 0));
}

static int parse(const char *line, size_t len, json_t **out, const char **why)
{
	json_t *value = json_parse(line, len, why);

	if (!value)
		return -EBADMSG;
	if (!is_request(value)) {
		json_decref(value);
		*why = "a request is an array whose first element is the command's name";
		return -EBADMSG;
	}
	*out = value;
	return 1;
}

static bool is_blank(const char *line, size_t len)
{
	return len == 0 || (len == 1 && *line == '\r');
}

/* The end of the line that begins at p->start, or NULL. */
static char *find_end(struct protocol *p)
{
	char *end = memchr(p->in.data + p->scanned, '\n', p->in.len - p->scanned);

	p->scanned = end ? (size_t)(end + 1 - p->in.data) : p->in.len;
	return end;
}

int protocol_next(struct protocol *p, json_t **out, const char **why)
{
	while (p->start < p->in.len) {
		const char *line = p->in.data + p->start;
		const char *end;
		size_t len;

		if (*line == '\0') {
			*why = "this server speaks JSON, one array a line; BSER is not offered";
			return -EPROTO;
		}
		end = find_end(p);
		len = (size_t)((end ? end : p->in.data + p->in.len) - line);
		if (len > PROTOCOL_REQUEST_MAX) {
			*why = "a request may have 1 MiB at most";
			return -EMSGSIZE;
		}
		if (!end)
			return 0;
		p->start = p->scanned;
		if (!is_blank(line, len))
			return parse(line, len, out, why);
	}
	return 0;
}

/* ---- outgoing ---- */

/* How many bytes the UTF-8 character at s has; 0: none is there. */
static size_t character_len(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xC0 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF8 ? 4 : 0;
	uint32_t c = len > 1 ? s[0] & (0xFFU >> (len + 1)) : s[0];

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3FU);
	}
	if (len > 1 && (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)))
		return 0;
	return len;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static int put_special(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"':
		return buf_puts(out, "\\\"");
	case '\\':
		return buf_puts(out, "\\\\");
	case '\n':
		return buf_puts(out, "\\n");
	case '\t':
		return buf_puts(out, "\\t");
	default:
		return buf_printf(out, "\\u%04x", c);
	}
}

int protocol_put_string(struct buf *out, const char *bytes, bool *exact)
{
	const unsigned char *s = (const unsigned char *)bytes;
	int r = buf_putc(out, '"');

	if (exact)
		*exact = true;
	while (r == 0 && *s) {
		const unsigned char *run = s;
		size_t len;

		while (is_plain(*s))
			s++;
		r = buf_put(out, run, (size_t)(s - run));
		if (r < 0 || !*s)
			break;
		len = character_len(s);
		if (len > 1) {
			r = buf_put(out, s, len);
		} else if (len == 1) {
			r = put_special(out, *s);
		} else {
			r = buf_puts(out, "\xEF\xBF\xBD");
			if (exact)
				*exact = false;
		}
		s += len ? len : 1;
	}
	return r < 0 ? r : buf_putc(out, '"');
}

int protocol_put_integer(struct buf *out, int64_t n)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lld", (long long)n);

	return buf_put(out, text, (size_t)len);
}

/* ,"key_b64":"…", as every client of ours reads it */
static int put_base64(struct buf *out, const char *key, const char *bytes)
{
	AUTO_BUF name = { 0 };
	json_t *o = json_object();
	int r = o ? json_set_bytes(o, key, bytes) : -ENOMEM;
	const char *text;

	if (r == 0)
		r = buf_printf(&name, "%s_b64", key);
	text = r == 0 ? json_string_value(json_object_get(o, name.data)) : NULL;
	if (text)
		r = buf_printf(out, ",\"%s\":\"%s\"", name.data, text);
	json_decref(o);
	return r;
}

int protocol_put_bytes(struct buf *out, const char *key, const char *bytes)
{
	bool exact = true;
	int r = buf_printf(out, "\"%s\":", key);

	if (r == 0)
		r = protocol_put_string(out, bytes, &exact);
	if (r == 0 && !exact)
		r = put_base64(out, key, bytes);
	return r;
}

static int put_piece(const char *text, size_t len, void *out)
{
	return buf_put(out, text, len);
}

int protocol_put_line(struct buf *out, const json_t *value)
{
	size_t len = out->len;

	if (value && json_dump_callback(value, put_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0 &&
	    buf_putc(out, '\n') == 0)
		return 0;
	buf_truncate(out, len);
	return -ENOMEM;
}
