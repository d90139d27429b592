#include "core/toml.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>

/* text, and the same as compact JSON with sorted keys */
static const struct {
	const char *toml, *json;
} good[] = {
	{ "", "{}" },
	{ "# nothing\n\n  \t# more", "{}" },
	{ "a = 1\nb=\"x\" # why\nc = true\r\n", "{\"a\":1,\"b\":\"x\",\"c\":true}" },
	{ "a.b.c = 1\na.\"b c\" = 2", "{\"a\":{\"b\":{\"c\":1},\"b c\":2}}" },
	{ "[a]\nx = 1\n[a.b]\ny = 2\n[ c . 'd.e' ]\nz = 3",
	  "{\"a\":{\"b\":{\"y\":2},\"x\":1},\"c\":{\"d.e\":{\"z\":3}}}" },
	{ "[[bin]]\nname = 'a'\n[bin.x]\ny = 1\n[[bin]]\nname = 'b'\n[bin.x]\ny = 2",
	  "{\"bin\":[{\"name\":\"a\",\"x\":{\"y\":1}},{\"name\":\"b\",\"x\":{\"y\":2}}]}" },
	{ "a = [1, 2,\n # why\n 3,\n]\nb = []\nc = [[1], ['x']]", "{\"a\":[1,2,3],\"b\":[],\"c\":[[1],[\"x\"]]}" },
	{ "a = { b = 1, c.d = 'x' }\ne = {}", "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}},\"e\":{}}" },
	{ "a = \"\\t\\\"\\\\\\u00e9\\U0001F600\"", "{\"a\":\"\\t\\\"\\\\\u00e9\U0001F600\"}" },
	{ "a = 'C:\\x'\nb = '''\none\n'two''\n'''", "{\"a\":\"C:\\\\x\",\"b\":\"one\\n'two''\\n\"}" },
	{ "a = \"\"\"\nx \\\n   y\"\"\"\"", "{\"a\":\"x y\\\"\"}" },
	{ "a = +1_000\nb = -0x1F\n", NULL },
	{ "a = 0x1F\nb = 0o17\nc = 0b11\nd = -7", "{\"a\":31,\"b\":15,\"c\":3,\"d\":-7}" },
	{ "a = 1.5\nb = -2e3\nc = 6.25E-1", "{\"a\":1.5,\"b\":-2000.0,\"c\":0.625}" },
	{ "a = inf\nb = -nan", "{\"a\":\"inf\",\"b\":\"-nan\"}" },
	{ "a = 1979-05-27T07:32:00Z\nb = 1979-05-27 07:32:00.5\nc = 07:32:00\nd = 1979-05-27",
	  "{\"a\":\"1979-05-27T07:32:00Z\",\"b\":\"1979-05-27 07:32:00.5\",\"c\":\"07:32:00\",\"d\":\"1979-05-27\"}" },
	{ "\"\" = 1\n'a b' = 2\n1234 = 3", "{\"\":1,\"1234\":3,\"a b\":2}" },
};

static void test_what_is_read(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		AUTO_BUF error = { 0 };
		AUTO_FREE char *text = NULL;
		json_t *o = NULL;
		int r = toml_parse("x.toml", good[i].toml, strlen(good[i].toml), &o, &error);

		if (!good[i].json) {
			assert_int_equal(r, -EINVAL);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", good[i].toml, buf_str(&error));
		text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
		assert_string_equal(text, good[i].json);
		json_decref(o);
	}
}

static const struct {
	const char *toml, *error;
} bad[] = {
	{ "a", "x.toml:1: '=' is wanted after 'a'" },
	{ "\n= 1", "x.toml:2: a key is wanted, not '= 1'" },
	{ "a = ", "x.toml:1: '' is no value" },
	{ "a = 1\na = 2", "x.toml:2: 'a' is given twice" },
	{ "[a]\n[b]\n[a]", "x.toml:3: [a] is given twice" },
	{ "a = 1\n[a]\n", "x.toml:2: 'a' is no table: it has a value already" },
	{ "a = 1 b = 2\n", "x.toml:1: 'b = 2 ' where the line should end" },
	{ "a = \"x", "x.toml:1: a string without its end" },
	{ "a = 'x\ny'", "x.toml:1: a string without its end" },
	{ "a = \"\\q\"", "x.toml:1: there is no escape \\q" },
	{ "a = \"\\ud800\"", "x.toml:1: no character has the number d800" },
	{ "a = \"\\u0000\"", "x.toml:1: no character has the number 0" },
	{ "a = [1 2]", "x.toml:1: ',' or ']' is wanted in a list, not '2]'" },
	{ "a = [1,\n", "x.toml:2: '' is no value" },
	{ "a = { b = 1\n}", "x.toml:1: ',' or '}' is wanted, not ' }'" },
	{ "a = 1__0", "x.toml:1: '1__0' is no value" },
	{ "a = 012", "x.toml:1: '012' is no value" },
	{ "a = yes", "x.toml:1: 'yes' is no value" },
	{ "a = \"\x01\"", "x.toml:1: a control character in a string" },
	{ "# \x01", "x.toml:1: a control character in a comment" },
	{ "a = '\xff'", "x.toml:1: no UTF-8" },
	{ "[a\nb = 1", "x.toml:1: ']' is wanted, not ' b = 1'" },
	{ "a = []\n[[a.b]]\n", "x.toml:2: 'a' is no table: it has a value already" },
};

static void test_what_is_refused(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_BUF error = { 0 };
		json_t *o = NULL;

		assert_int_equal(toml_parse("x.toml", bad[i].toml, strlen(bad[i].toml), &o, &error), -EINVAL);
		assert_string_equal(buf_str(&error), bad[i].error);
	}
}

static void test_depth_and_size(void **unused)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF error = { 0 };
	json_t *o = NULL;

	assert_int_equal(buf_puts(&text, "a = "), 0);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_putc(&text, '['), 0);
	assert_int_equal(toml_parse("x", text.data, text.len, &o, &error), -EINVAL);
	assert_string_equal(error.data, "x:1: nested more than 32 levels deep");
	buf_truncate(&error, 0);
	buf_truncate(&text, 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(buf_puts(&text, "a."), 0);
	assert_int_equal(toml_parse("x", text.data, text.len, &o, &error), -EINVAL);
	buf_truncate(&error, 0);
	assert_int_equal(toml_parse("x", "a = 1\0b", 7, &o, &error), -EINVAL);
	assert_string_equal(error.data, "x:1: a NUL byte");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_depth_and_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
