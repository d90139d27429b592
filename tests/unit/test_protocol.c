#include "core/protocol.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>

static void feed(struct protocol *p, const char *text)
{
	assert_int_equal(protocol_feed(p, text, strlen(text)), 0);
}

/* the next request as text; NULL: none, with the code in *r */
static char *next(struct protocol *p, int *r)
{
	const char *why = NULL;
	json_t *request;
	char *text;

	*r = protocol_next(p, &request, &why);
	if (*r != 1) {
		assert_true(*r == 0 || why);
		return NULL;
	}
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	return text;
}

static void assert_next(struct protocol *p, const char *expected)
{
	int r;
	char *text = next(p, &r);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void assert_none(struct protocol *p, int expected)
{
	int r;

	assert_null(next(p, &r));
	assert_int_equal(r, expected);
}

static void test_lines_in_any_pieces(void **state)
{
	const char *text = "[\"clock\",\"/x\"]\n\n\r\n[\"version\"]\r\n";
	struct protocol p = { 0 };

	for (const char *s = text; *s; s++) {
		if (s == text + 14)
			assert_none(&p, 0); /* all but the newline */
		assert_int_equal(protocol_feed(&p, s, 1), 0);
	}
	assert_next(&p, "[\"clock\",\"/x\"]");
	assert_next(&p, "[\"version\"]");
	assert_none(&p, 0);
	protocol_done(&p);
}

static void test_half_line_is_kept(void **state)
{
	struct protocol p = { 0 };

	feed(&p, "[\"a\"]\n[\"b\"");
	assert_next(&p, "[\"a\"]");
	assert_none(&p, 0);
	feed(&p, ",1]\n[\"c\"]\n");
	assert_next(&p, "[\"b\",1]");
	assert_next(&p, "[\"c\"]");
	protocol_done(&p);
}

static void test_what_is_no_request(void **state)
{
	static const char *const lines[] = { "{}",	 "[]",	       "[1]",	       "1",
					     "null",	 "\"clock\"",  "[\"a\"",       "[\"a\"]x",
					     "nonsense", "[\"\xff\"]", "[\"\\u0000\"]" };
	struct protocol p = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		feed(&p, lines[i]);
		feed(&p, "\n[\"next\"]\n");
		assert_none(&p, -EBADMSG);
		assert_next(&p, "[\"next\"]");
	}
	protocol_done(&p);
}

static void test_nesting(void **state)
{
	struct protocol p = { 0 };
	int r;
	char *text;

	for (int depth = 10; depth <= 10000; depth *= 10) {
		feed(&p, "[\"a\",");
		for (int i = 0; i < depth; i++)
			feed(&p, "[");
		for (int i = 0; i < depth; i++)
			feed(&p, "]");
		feed(&p, "]\n");
		text = next(&p, &r);
		assert_int_equal(r, depth < JSON_MAX_DEPTH ? 1 : -EBADMSG);
		free(text);
	}
	protocol_done(&p);
}

static void test_too_long(void **state)
{
	static char many[64 * 1024];
	struct protocol p = { 0 };

	memset(many, 'x', sizeof(many));
	feed(&p, "[\"");
	for (size_t sent = 2; sent + sizeof(many) <= PROTOCOL_REQUEST_MAX; sent += sizeof(many)) {
		assert_none(&p, 0);
		assert_int_equal(protocol_feed(&p, many, sizeof(many)), 0);
	}
	assert_none(&p, 0);
	assert_int_equal(protocol_feed(&p, many, sizeof(many)), 0);
	assert_none(&p, -EMSGSIZE);
	protocol_done(&p);
}

static void test_binary_is_refused(void **state)
{
	struct protocol p = { 0 };

	assert_int_equal(protocol_feed(&p, "\0\1\5", 3), 0);
	assert_none(&p, -EPROTO);
	protocol_done(&p);
}

/* What is put is what a JSON parser reads. */
static void test_strings(void **state)
{
	static const struct {
		const char *bytes, *text;
		bool exact;
	} cases[] = {
		{ "", "", true },
		{ "a b", "a b", true },
		{ "\"\\/\b\f\n\r\t\x01\x7f", "\"\\/\b\f\n\r\t\x01\x7f", true },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", true },
		{ "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80", true },
		{ "caf\xe9", "caf\xef\xbf\xbd", false },
		{ "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd", false },
		{ "\xc3", "\xef\xbf\xbd", false },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", false },		   /* overlong */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false }, /* a surrogate */
		{ "\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF out = { 0 };
		const char *why;
		json_t *value;
		bool exact;

		assert_int_equal(protocol_put_string(&out, cases[i].bytes, &exact), 0);
		assert_null(memchr(out.data, '\n', out.len));
		value = json_parse(out.data, out.len, &why);
		assert_non_null(value);
		assert_string_equal(json_string_value(value), cases[i].text);
		assert_int_equal(exact, cases[i].exact);
		json_decref(value);
	}
}

static void test_bytes_beside_text(void **state)
{
	static const char *const names[] = { "plain", "new\nline", "caf\xe9", "\xff\xff\xff" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_BUF out = { 0 };
		AUTO_FREE char *back = NULL;
		const char *why;
		json_t *o;

		buf_putc(&out, '{');
		assert_int_equal(protocol_put_bytes(&out, "name", names[i]), 0);
		buf_putc(&out, '}');
		o = json_parse(out.data, out.len, &why);
		assert_non_null(o);
		back = json_get_bytes(o, "name");
		assert_string_equal(back, names[i]);
		assert_int_equal(json_object_get(o, "name_b64") != NULL, i >= 2);
		json_decref(o);
	}
}

static void test_numbers_and_lines(void **state)
{
	json_t *o = json_pack("{s:i,s:s}", "a", 1, "b", "x\ny");
	AUTO_BUF out = { 0 };

	assert_int_equal(protocol_put_integer(&out, INT64_MIN), 0);
	assert_int_equal(protocol_put_integer(&out, 0), 0);
	assert_string_equal(out.data, "-92233720368547758080");
	buf_truncate(&out, 0);
	assert_int_equal(protocol_put_line(&out, o), 0);
	assert_string_equal(out.data, "{\"a\":1,\"b\":\"x\\ny\"}\n");
	assert_int_equal(protocol_put_line(&out, NULL), -ENOMEM);
	assert_string_equal(out.data, "{\"a\":1,\"b\":\"x\\ny\"}\n");
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_in_any_pieces),
		cmocka_unit_test(test_half_line_is_kept),
		cmocka_unit_test(test_what_is_no_request),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_binary_is_refused),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_bytes_beside_text),
		cmocka_unit_test(test_numbers_and_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
