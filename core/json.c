#include "core/json.h"
#include "core/base/buf.h"
#include <errno.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static bool is_tail(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

/* how many bytes the UTF-8 character at s has; 0: none is there (overlong, surrogate, too large, cut off) */
static size_t character_len(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xC2 && s[0] <= 0xDF)
		return is_tail(s[1]) ? 2 : 0;
	if (s[0] >= 0xE0 && s[0] <= 0xEF) {
		if (!is_tail(s[1]) || !is_tail(s[2]) || (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] >= 0xA0))
			return 0;
		return 3;
	}
	if (s[0] >= 0xF0 && s[0] <= 0xF4) {
		if (!is_tail(s[1]) || !is_tail(s[2]) || !is_tail(s[3]) || (s[0] == 0xF0 && s[1] < 0x90) ||
		    (s[0] == 0xF4 && s[1] >= 0x90))
			return 0;
		return 4;
	}
	return 0;
}

static bool is_text(const char *bytes)
{
	size_t len;

	for (const unsigned char *s = (const unsigned char *)bytes; *s; s += len) {
		len = character_len(s);
		if (!len)
			return false;
	}
	return true;
}

static int put_text(struct buf *out, const char *bytes)
{
	int r = 0;

	while (r == 0 && *bytes) {
		size_t len = character_len((const unsigned char *)bytes);

		r = len ? buf_put(out, bytes, len) : buf_puts(out, REPLACEMENT);
		bytes += len ? len : 1;
	}
	return r;
}

json_t *json_bytes(const char *bytes)
{
	AUTO_BUF text = { 0 };

	if (is_text(bytes))
		return json_string_nocheck(bytes);
	if (put_text(&text, bytes) < 0)
		return NULL;
	return json_stringn_nocheck(text.data, text.len);
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int put_base64(struct buf *out, const unsigned char *s, size_t len)
{
	int r = 0;

	for (; r == 0 && len; s += len < 3 ? len : 3, len -= len < 3 ? len : 3) {
		unsigned bits = (unsigned)s[0] << 16 | (len > 1 ? (unsigned)s[1] << 8 : 0) | (len > 2 ? s[2] : 0);
		char four[4] = { digits[bits >> 18], digits[bits >> 12 & 63], len > 1 ? digits[bits >> 6 & 63] : '=',
				 len > 2 ? digits[bits & 63] : '=' };

		r = buf_put(out, four, sizeof(four));
	}
	return r;
}

/* the value of a digit; -1: it is none */
static int digit_value(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* 0 or -EINVAL, -ENOMEM */
static int get_base64(struct buf *out, const char *text)
{
	size_t len = strlen(text);
	int r = len % 4 ? -EINVAL : 0;

	for (size_t i = 0; r == 0 && i < len; i += 4) {
		bool last = i + 4 == len;
		int padding = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
		unsigned bits = 0;

		for (int k = 0; k < 4; k++) {
			int value = k >= 4 - padding ? 0 : digit_value(text[i + (size_t)k]);

			if (value < 0)
				return -EINVAL;
			bits = bits << 6 | (unsigned)value;
		}
		r = buf_put(out, (char[]){ (char)(bits >> 16), (char)(bits >> 8), (char)bits }, (size_t)(3 - padding));
	}
	return r;
}

static int b64_key(struct buf *out, const char *key)
{
	return buf_printf(out, "%s_b64", key);
}

int json_set_bytes(json_t *o, const char *key, const char *bytes)
{
	AUTO_BUF name = { 0 };
	AUTO_BUF encoded = { 0 };
	json_t *text = json_bytes(bytes);

	if (!text || json_object_set_new(o, key, text))
		return -ENOMEM;
	if (is_text(bytes))
		return 0;
	if (b64_key(&name, key) < 0 || put_base64(&encoded, (const unsigned char *)bytes, strlen(bytes)) < 0)
		return -ENOMEM;
	return json_object_set_new(o, buf_str(&name), json_string(buf_str(&encoded))) ? -ENOMEM : 0;
}

char *json_get_bytes(const json_t *o, const char *key)
{
	AUTO_BUF name = { 0 };
	AUTO_BUF decoded = { 0 };
	const char *encoded, *text;

	if (b64_key(&name, key) < 0)
		return NULL;
	encoded = json_string_value(json_object_get(o, buf_str(&name)));
	/* a NUL inside would make another path of it */
	if (encoded && get_base64(&decoded, encoded) == 0 && !memchr(buf_str(&decoded), '\0', decoded.len))
		return strdup(buf_str(&decoded));
	text = json_string_value(json_object_get(o, key));
	return text ? strdup(text) : NULL;
}

/* jansson's own limit of depth is compiled in and far higher */
static bool is_too_deep(const char *text, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '[' || c == '{') && ++depth > JSON_MAX_DEPTH)
			return true;
		else if (!in_string && (c == ']' || c == '}'))
			depth--;
	}
	return false;
}

json_t *json_parse(const char *text, size_t len, const char **why)
{
	json_error_t error;
	json_t *value;

	if (is_too_deep(text, len)) {
		*why = "nested too deeply";
		return NULL;
	}
	value = json_loadb(text, len, JSON_DECODE_ANY, &error);
	if (!value)
		*why = json_error_code(&error) == json_error_out_of_memory ? "out of memory" : "not valid JSON";
	return value;
}
