#include "core/json.h"
#include "core/base/cleanup.h"
#include "tests/unit/test.h"
#include <stdlib.h>
#include <string.h>

static void test_text_stays(void **unused)
{
	static const char *const texts[] = {
		"", "a/b", "ü", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "a\nb\t\"\\", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *s = json_bytes(texts[i]), *o = json_object();

		assert_string_equal(json_string_value(s), texts[i]);
		json_decref(s);
		assert_int_equal(json_set_bytes(o, "name", texts[i]), 0);
		assert_int_equal(json_object_size(o), 1);
		json_decref(o);
	}
}

static void test_bytes_become_replacements(void **unused)
{
	static const char *const cases[][2] = {
		{ "\xFF", "\xEF\xBF\xBD" },
		{ "a\x80z", "a\xEF\xBF\xBDz" },
		{ "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD" },				    /* overlong */
		{ "\xE0\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },		    /* overlong */
		{ "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },		    /* a surrogate */
		{ "\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" }, /* too large */
		{ "x\xE2\x82", "x\xEF\xBF\xBD\xEF\xBF\xBD" },				    /* cut off */
		{ "\xC3(", "\xEF\xBF\xBD(" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *s = json_bytes(cases[i][0]);

		assert_string_equal(json_string_value(s), cases[i][1]);
		json_decref(s);
	}
}

/* What is sent can be read, and every name comes back as it was. */
static void test_any_bytes_there_and_back(void **unused)
{
	char name[8];

	for (unsigned seed = 1; seed < 5000; seed++) {
		json_t *o = json_object(), *read;
		AUTO_FREE char *text = NULL;
		AUTO_FREE char *back = NULL;
		const char *why;
		unsigned x = seed * 2654435761u;
		size_t len = seed % 8;

		for (size_t i = 0; i < len; i++) {
			x = x * 1103515245 + 12345;
			name[i] = (char)(x >> 16);
			if (!name[i])
				name[i] = 1;
		}
		name[len] = '\0';
		assert_int_equal(json_set_bytes(o, "name", name), 0);
		text = json_dumps(o, JSON_COMPACT);
		assert_non_null(text);
		read = json_parse(text, strlen(text), &why);
		assert_non_null(read);
		back = json_get_bytes(read, "name");
		assert_string_equal(back, name);
		json_decref(o);
		json_decref(read);
	}
}

static void test_get_bytes(void **unused)
{
	static const struct {
		const char *json, *name;
	} cases[] = {
		{ "{\"name\":\"a\"}", "a" },
		{ "{\"name\":\"a\",\"name_b64\":\"/w==\"}", "\xFF" },
		{ "{\"name\":\"a\",\"name_b64\":\"YWJj\"}", "abc" },
		{ "{\"name\":\"a\",\"name_b64\":\"\"}", "" },
		{ "{\"name\":\"a\",\"name_b64\":\"YWJ\"}", "a" }, /* not valid: the text counts */
		{ "{\"name\":\"a\",\"name_b64\":\"Y=Jj\"}", "a" },
		{ "{\"name\":\"a\",\"name_b64\":\"====\"}", "a" },
		{ "{\"name\":\"a\",\"name_b64\":\"YW==YWJj\"}", "a" },
		{ "{\"name\":\"a\",\"name_b64\":\"YQBi\"}", "a" }, /* a NUL inside */
		{ "{\"name\":\"a\",\"name_b64\":7}", "a" },
		{ "{\"name_b64\":\"YWJj\"}", "abc" },
		{ "{\"name\":7}", NULL },
		{ "{}", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why;
		json_t *o = json_parse(cases[i].json, strlen(cases[i].json), &why);
		AUTO_FREE char *name = json_get_bytes(o, "name");

		if (!cases[i].name != !name || (name && strcmp(name, cases[i].name) != 0))
			fail_msg("%s gave '%s'", cases[i].json, name ? name : "NULL");
		json_decref(o);
	}
}

static char *nested(size_t depth, char open, char close)
{
	char *text = malloc(2 * depth + 1);

	memset(text, open, depth);
	memset(text + depth, close, depth);
	text[2 * depth] = '\0';
	return text;
}

static void test_depth(void **unused)
{
	AUTO_FREE char *just = nested(JSON_MAX_DEPTH, '[', ']');
	AUTO_FREE char *more = nested(JSON_MAX_DEPTH + 1, '[', ']');
	AUTO_FREE char *far = nested(100000, '[', ']');
	const char *in_string = "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"";
	const char *why = NULL;
	json_t *value;

	value = json_parse(just, strlen(just), &why);
	assert_non_null(value);
	json_decref(value);
	assert_null(json_parse(more, strlen(more), &why));
	assert_string_equal(why, "nested too deeply");
	assert_null(json_parse(far, strlen(far), &why));
	value = json_parse(in_string, strlen(in_string), &why);
	assert_true(json_is_string(value));
	json_decref(value);
}

static void test_parse(void **unused)
{
	static const char *const good[] = { "1", "\"x\"", "null", "[]", " {\"a\":[1,2]} ", "[\"\\u00e4\"]" };
	static const char *const bad[] = {
		"", "[", "[1,]", "{a:1}", "[1] x", "\"\xFF\"", "[\"\\u0000\"]", "'x'", "]]]]"
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *why;
		json_t *value = json_parse(good[i], strlen(good[i]), &why);

		assert_non_null(value);
		json_decref(value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;

		assert_null(json_parse(bad[i], strlen(bad[i]), &why));
		assert_string_equal(why, "not valid JSON");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_stays),
		cmocka_unit_test(test_bytes_become_replacements),
		cmocka_unit_test(test_any_bytes_there_and_back),
		cmocka_unit_test(test_get_bytes),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
