/*
 * The framing: the same requests come out, in whatever pieces the bytes come in; a request that is
 * written as a line and read again is the same; bytes put as a string come back.
 */
#include "core/protocol.h"
#include "tests/fuzz/fuzz.h"
#include <errno.h>
#include <string.h>

/* Everything that has come: requests to the list, errors as numbers. False: nothing more can come */
static bool take(struct protocol *p, json_t *list)
{
	for (;;) {
		const char *why = NULL;
		json_t *request;
		int r = protocol_next(p, &request, &why);

		if (r == 0)
			return true;
		if (r == 1) {
			MUST(json_is_array(request) && json_is_string(json_array_get(request, 0)));
			json_array_append_new(list, request);
			continue;
		}
		MUST(why && (r == -EBADMSG || r == -EMSGSIZE || r == -EPROTO));
		json_array_append_new(list, json_integer(r));
		if (r != -EBADMSG)
			return false;
	}
}

static json_t *read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
	struct protocol p = { 0 };
	json_t *list = json_array();

	for (size_t at = 0; at < size; at += piece) {
		size_t len = size - at < piece ? size - at : piece;

		MUST(protocol_feed(&p, data + at, len) == 0);
		if (!take(&p, list))
			break;
	}
	protocol_done(&p);
	return list;
}

static void write_and_read(json_t *request)
{
	struct protocol p = { 0 };
	AUTO_BUF line = { 0 };
	json_t *again;
	const char *why;

	MUST(protocol_put_line(&line, request) == 0);
	MUST(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
	if (line.len > PROTOCOL_REQUEST_MAX)
		return;
	MUST(protocol_feed(&p, line.data, line.len) == 0);
	MUST(protocol_next(&p, &again, &why) == 1);
	MUST(json_equal(request, again));
	json_decref(again);
	protocol_done(&p);
}

static void put_and_get(const uint8_t *data, size_t size)
{
	AUTO_FREE char *bytes = strndup((const char *)data, size), *back = NULL;
	AUTO_BUF text = { 0 };
	const char *why;
	json_t *o;

	MUST(buf_putc(&text, '{') == 0 && protocol_put_bytes(&text, "name", bytes) == 0 && buf_putc(&text, '}') == 0);
	MUST(!memchr(text.data, '\n', text.len));
	o = json_parse(text.data, text.len, &why);
	MUST(o);
	back = json_get_bytes(o, "name");
	MUST(back && strcmp(back, bytes) == 0);
	json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *whole, *pieces, *request;
	size_t i;

	if (size < 1)
		return 0;
	whole = read_in_pieces(data + 1, size - 1, size);
	pieces = read_in_pieces(data + 1, size - 1, 1 + data[0] % 16);
	MUST(json_equal(whole, pieces));
	json_array_foreach(whole, i, request)
	{
		if (json_is_array(request))
			write_and_read(request);
	}
	json_decref(whole);
	json_decref(pieces);
	put_and_get(data, size);
	return 0;
}
