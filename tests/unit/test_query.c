#include "core/query.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>

static json_t *value_of(const char *text)
{
	const char *why;
	json_t *value = json_parse(text, strlen(text), &why);

	if (!value)
		fail_msg("%s: %s", text, why);
	return value;
}

static struct query *parse(const char *text)
{
	json_t *spec = value_of(text);
	AUTO_BUF error = { 0 };
	struct query *q;

	if (query_parse(spec, &q, &error) < 0)
		fail_msg("%s: %s", text, buf_str(&error));
	json_decref(spec);
	return q;
}

/* ---- what a file is, for these tests: by its name ---- */

struct world {
	struct stat st;
	unsigned asked;
};

static void ask_stat(struct query_file *f, void *arg)
{
	struct world *w = arg;

	w->asked++;
	if (!f->exists)
		return;
	w->st = (struct stat){ .st_mode = S_IFREG | 0644, .st_size = (off_t)strlen(f->name), .st_mtime = 1000 };
	if (f->kind == STATE_DIR)
		w->st.st_mode = S_IFDIR | 0755;
	if (f->kind == STATE_OTHER)
		w->st.st_mode = S_IFIFO | 0600;
	if (strcmp(f->name, "empty") == 0)
		w->st.st_size = 0;
	f->st = &w->st;
}

static bool ask_changed(struct query_file *f, const struct query_since *since, void *arg)
{
	return f->tick > since->clock.tick;
}

static const struct clock journal = { .start = 7, .pid = 8 };

static struct query_source source_of(struct world *w)
{
	return (struct query_source){ .stat = ask_stat, .changed_since = ask_changed, .clock = &journal, .arg = w };
}

static bool matches(const struct query *q, struct query_file f)
{
	struct world w = { 0 };
	struct query_source source = source_of(&w);

	return query_generates(q, &f, &source) && query_matches(q, &f, &source);
}

static struct query_file file(const char *name)
{
	return (struct query_file){ .name = name, .kind = STATE_FILE, .exists = true };
}

/* ---- matching ---- */

static const struct {
	const char *query, *name;
	bool matches;
} by_name[] = {
	{ "{}", "a", true },
	{ "{\"expression\":\"true\"}", "a", true },
	{ "{\"expression\":\"false\"}", "a", false },
	{ "{\"expression\":[\"not\",\"true\"]}", "a", false },
	{ "{\"expression\":[\"allof\",\"true\",\"true\"]}", "a", true },
	{ "{\"expression\":[\"allof\",\"true\",\"false\"]}", "a", false },
	{ "{\"expression\":[\"anyof\",\"false\",\"true\"]}", "a", true },
	{ "{\"expression\":[\"anyof\",\"false\",\"false\"]}", "a", false },
	{ "{\"expression\":[\"name\",\"x.c\"]}", "a/x.c", true },
	{ "{\"expression\":[\"name\",\"X.c\"]}", "a/x.c", false },
	{ "{\"expression\":[\"iname\",\"X.c\"]}", "a/x.C", true },
	{ "{\"expression\":[\"name\",\"X.c\"],\"case_sensitive\":false}", "a/x.C", true },
	{ "{\"expression\":[\"name\",\"x.c\",\"wholename\"]}", "a/x.c", false },
	{ "{\"expression\":[\"name\",\"a/x.c\",\"wholename\"]}", "a/x.c", true },
	{ "{\"expression\":[\"name\",[\"q\",\"x.c\"]]}", "a/x.c", true },
	{ "{\"expression\":[\"name\",[]]}", "x.c", false },
	{ "{\"expression\":[\"name\",[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"x.c\"]]}", "a/x.c",
	  true },
	{ "{\"expression\":[\"iname\",[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"X.c\"]]}", "a/x.C",
	  true },
	{ "{\"expression\":[\"match\",\"*.c\"]}", "a/x.c", true },
	{ "{\"expression\":[\"match\",\"*.c\",\"wholename\"]}", "a/x.c", false },
	{ "{\"expression\":[\"match\",\"**/*.c\",\"wholename\"]}", "a/x.c", true },
	{ "{\"expression\":[\"match\",\"*\"]}", ".x", false },
	{ "{\"expression\":[\"match\",\"*\",\"basename\",{\"includedotfiles\":true}]}", ".x", true },
	{ "{\"expression\":[\"imatch\",\"*.C\"]}", "x.c", true },
	{ "{\"expression\":[\"suffix\",\"c\"]}", "a.b/x.c", true },
	{ "{\"expression\":[\"suffix\",\"C\"]}", "x.c", true },
	{ "{\"expression\":[\"suffix\",\"c\"]}", "x.C", true },
	{ "{\"expression\":[\"suffix\",\"c\"]}", "c", false },
	{ "{\"expression\":[\"suffix\",\"c\"]}", ".c", false },
	{ "{\"expression\":[\"suffix\",[\"h\",\"c\"]]}", "x.c", true },
	{ "{\"expression\":[\"suffix\",\"test.js\"]}", "x.test.js", true },
	{ "{\"expression\":[\"suffix\",\"c\"]}", "x.c/y", false },
	{ "{\"expression\":[\"dirname\",\"a\"]}", "a/x", true },
	{ "{\"expression\":[\"dirname\",\"a\"]}", "a/b/x", true },
	{ "{\"expression\":[\"dirname\",\"a\"]}", "a", false },
	{ "{\"expression\":[\"dirname\",\"a\"]}", "ab/x", false },
	{ "{\"expression\":[\"dirname\",\"a/\"]}", "a/x", true },
	{ "{\"expression\":[\"dirname\",\"\"]}", "x", true },
	{ "{\"expression\":[\"dirname\",\"a\",[\"depth\",\"eq\",0]]}", "a/x", true },
	{ "{\"expression\":[\"dirname\",\"a\",[\"depth\",\"eq\",0]]}", "a/b/x", false },
	{ "{\"expression\":[\"dirname\",\"a\",[\"depth\",\"ge\",1]]}", "a/b/x", true },
	{ "{\"expression\":[\"idirname\",\"A\"]}", "a/x", true },
	{ "{\"expression\":[\"not\",[\"dirname\",\".git\"]]}", ".git/index", false },
	{ "{\"expression\":[\"type\",\"f\"]}", "x", true },
	{ "{\"expression\":[\"type\",\"d\"]}", "x", false },
	{ "{\"expression\":\"exists\"}", "x", true },
	{ "{\"expression\":[\"exists\"]}", "x", true },
	{ "{\"expression\":\"empty\"}", "x", false },
	{ "{\"expression\":\"empty\"}", "empty", true },
	{ "{\"expression\":[\"size\",\"gt\",2]}", "abc", true },
	{ "{\"expression\":[\"size\",\"gt\",3]}", "abc", false },
	{ "{\"expression\":[\"size\",\"le\",3]}", "abc", true },
	{ "{\"expression\":[\"size\",\"ne\",3]}", "abc", false },
	{ "{\"expression\":[\"size\",\"lt\",4]}", "abc", true },
	{ "{\"expression\":[\"since\",1000,\"mtime\"]}", "x", true },
	{ "{\"expression\":[\"since\",1001,\"mtime\"]}", "x", false },
	{ "{\"suffix\":\"c\"}", "a/x.C", true },
	{ "{\"suffix\":[\"h\"]}", "a/x.c", false },
	{ "{\"suffix\":[]}", "a/x.c", false },
	{ "{\"glob\":[\"*.c\",\"a/*.h\"]}", "a/x.h", true },
	{ "{\"glob\":[\"*.c\"]}", "a/x.c", false },
	{ "{\"glob\":[\"*\"]}", ".x", false },
	{ "{\"glob\":[\"*\"],\"glob_includedotfiles\":true}", ".x", true },
	{ "{\"path\":[\"a\"]}", "a/b/x", true },
	{ "{\"path\":[\"a\"]}", "ab", false },
	{ "{\"path\":[\"a/x\"]}", "a/x", true },
	{ "{\"path\":[{\"path\":\"a\",\"depth\":0}]}", "a/x", true },
	{ "{\"path\":[{\"path\":\"a\",\"depth\":0}]}", "a/b/x", false },
	{ "{\"path\":[{\"path\":\"\",\"depth\":0}]}", "x", true },
	{ "{\"path\":[\"a\"],\"glob\":[\"*.c\"]}", "x.c", true },
};

static void test_names(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_name); i++) {
		struct query *q = parse(by_name[i].query);

		if (matches(q, file(by_name[i].name)) != by_name[i].matches)
			fail_msg("%s on %s", by_name[i].query, by_name[i].name);
		query_free(q);
	}
}

static void test_gone_and_other_files(void **state)
{
	struct query *type = parse("{\"expression\":[\"type\",\"f\"]}"), *exists = parse("{\"expression\":\"exists\"}");
	struct query *fifo = parse("{\"expression\":[\"type\",\"p\"]}"),
		     *size = parse("{\"expression\":[\"size\",\"ge\",0]}");
	struct query_file gone = { .name = "x", .kind = STATE_FILE }, dir = { .name = "x", .kind = STATE_DIR };
	struct query_file pipe = { .name = "x", .kind = STATE_OTHER, .exists = true };

	assert_true(matches(type, gone)); /* what it was */
	assert_false(matches(type, dir));
	assert_false(matches(exists, gone));
	assert_false(matches(size, gone));
	assert_true(matches(fifo, pipe));
	assert_false(matches(type, pipe));
	query_free(type);
	query_free(exists);
	query_free(fifo);
	query_free(size);
}

static void test_since_term(void **state)
{
	struct query *q = parse("{\"expression\":[\"since\",\"c:7:8:1:5\"]}");
	struct query_file f = file("x");

	f.tick = 5;
	assert_false(matches(q, f));
	f.tick = 6;
	assert_true(matches(q, f));
	query_free(q);
}

/* A file is looked at only when something asks what its name and the journal don't tell, and then once. */
static void test_asks_seldom(void **state)
{
	static const struct {
		const char *query;
		unsigned asked;
		bool needs_stat, by_name;
	} table[] = {
		{ "{\"fields\":[\"name\"]}", 0, false, true },
		{ "{\"fields\":[\"name\",\"exists\",\"new\",\"type\"]}", 0, false, false },
		{ "{\"fields\":[\"name\"],\"expression\":[\"suffix\",\"c\"]}", 0, false, true },
		{ "{\"fields\":[\"name\"],\"expression\":[\"type\",\"f\"]}", 0, false, false },
		{ "{\"fields\":[\"name\",\"size\",\"mode\",\"mtime_ms\"]}", 1, true, false },
		{ "{\"fields\":[\"name\"],\"expression\":[\"allof\",[\"size\",\"gt\",0],[\"size\",\"lt\",9]]}", 1, true,
		  false },
		{ "{\"fields\":[\"name\"],\"expression\":[\"anyof\",[\"suffix\",\"c\"],[\"size\",\"lt\",9]]}", 0, true,
		  false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct query *q = parse(table[i].query);
		struct world w = { 0 };
		struct query_source source = source_of(&w);
		struct query_file f = file("x.c");
		AUTO_BUF out = { 0 };

		assert_int_equal(q->needs_stat, table[i].needs_stat);
		assert_int_equal(q->by_name, table[i].by_name);
		assert_true(query_matches(q, &f, &source));
		assert_int_equal(w.asked,
				 table[i].asked && *table[i].query && strstr(table[i].query, "expression") ? 1 : 0);
		query_put_file(q, &f, &source, &out);
		assert_true(w.asked <= 1);
		if (!table[i].needs_stat)
			assert_int_equal(w.asked, 0);
		query_free(q);
	}
}

/* ---- what is said of a file ---- */

static void assert_put(const char *spec, struct query_file f, const char *expected)
{
	struct query *q = parse(spec);
	struct world w = { 0 };
	struct query_source source = source_of(&w);
	AUTO_BUF out = { 0 };

	assert_int_equal(query_put_file(q, &f, &source, &out), 0);
	assert_string_equal(out.data, expected);
	query_free(q);
}

static void test_fields(void **state)
{
	struct query_file f = file("a/x"), gone = { .name = "y", .kind = STATE_FILE, .tick = 9 };

	f.is_new = true;
	f.tick = 4;
	assert_put("{}", f, "{\"name\":\"a/x\",\"exists\":true,\"new\":true,\"size\":3,\"mode\":33188}");
	assert_put("{}", gone, "{\"name\":\"y\",\"exists\":false,\"new\":false,\"size\":null,\"mode\":null}");
	assert_put("{\"fields\":[\"name\"]}", f, "\"a/x\"");
	assert_put("{\"fields\":[\"exists\"]}", gone, "false");
	assert_put("{\"fields\":[]}", f, "{}");
	assert_put("{\"fields\":[\"mtime\",\"mtime_ms\",\"mtime_us\",\"mtime_ns\",\"mtime_f\"]}", f,
		   "{\"mtime\":1000,\"mtime_ms\":1000000,\"mtime_us\":1000000000,\"mtime_ns\":1000000000000,"
		   "\"mtime_f\":1000.000000000}");
	assert_put("{\"fields\":[\"type\",\"oclock\",\"cclock\"]}", f,
		   "{\"type\":\"f\",\"oclock\":\"c:7:8:1:4\",\"cclock\":\"c:7:8:1:4\"}");
	assert_put("{\"fields\":[\"type\",\"oclock\",\"cclock\"]}", gone,
		   "{\"type\":\"f\",\"oclock\":\"c:7:8:1:9\",\"cclock\":null}");
	assert_put("{\"fields\":[\"name\",\"type\"]}", file("caf\xe9"),
		   "{\"name\":\"caf\xef\xbf\xbd\",\"name_b64\":\"Y2Fm6Q==\",\"type\":\"f\"}");
	assert_put("{\"fields\":[\"name\"]}", file("a\nb"), "\"a\\nb\"");
}

/* every field that is offered can be asked for, alone and of what is gone */
static void test_every_field(void **state)
{
	const char *name;

	for (size_t n = 0; (name = query_field_name(n)); n++) {
		json_t *spec = json_pack("{s:[s]}", "fields", name);
		struct query_file files[] = { file("x"), { .name = "x", .kind = STATE_UNKNOWN } };
		AUTO_BUF error = { 0 };
		struct query *q;

		assert_int_equal(query_parse(spec, &q, &error), 0);
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			struct world w = { 0 };
			struct query_source source = source_of(&w);
			AUTO_BUF out = { 0 };
			const char *why;
			json_t *value;

			assert_int_equal(query_put_file(q, &files[i], &source, &out), 0);
			value = json_parse(out.data, out.len, &why);
			assert_non_null(value);
			json_decref(value);
		}
		query_free(q);
		json_decref(spec);
	}
}

/* ---- since ---- */

static void test_since(void **state)
{
	static const struct {
		const char *json;
		int result;
		enum query_since_kind kind;
	} table[] = {
		{ "\"c:7:8:1:5\"", 0, QUERY_CLOCK },
		{ "\"c:8:5\"", 0, QUERY_FOREIGN },
		{ "\"n:cursor\"", 0, QUERY_FOREIGN },
		{ "1700000000", 0, QUERY_TIME },
		{ "{\"clock\":\"c:7:8:1:5\",\"scm\":{\"mergebase-with\":\"main\"}}", 0, QUERY_CLOCK },
		{ "\"yesterday\"", -EINVAL, 0 },
		{ "true", -EINVAL, 0 },
		{ "{\"clock\":7.5}", -EINVAL, 0 },
		{ "[]", -EINVAL, 0 },
		{ "\"\"", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		json_t *value = value_of(table[i].json);
		struct query_since since;
		int r = query_since_parse(value, &since);

		if (r != table[i].result || (r == 0 && since.kind != table[i].kind))
			fail_msg("%s: %d", table[i].json, r);
		json_decref(value);
	}
}

/* ---- errors ---- */

static const char *const wrong[] = {
	"[]",
	"1",
	"{\"expression\":1}",
	"{\"expression\":{}}",
	"{\"expression\":[]}",
	"{\"expression\":[1]}",
	"{\"expression\":\"nosuch\"}",
	"{\"expression\":\"name\"}",
	"{\"expression\":[\"not\"]}",
	"{\"expression\":[\"not\",\"true\",\"true\"]}",
	"{\"expression\":[\"allof\"]}",
	"{\"expression\":[\"allof\",3]}",
	"{\"expression\":[\"anyof\",\"true\",[\"nosuch\"]]}",
	"{\"expression\":[\"name\"]}",
	"{\"expression\":[\"name\",1]}",
	"{\"expression\":[\"name\",[1]]}",
	"{\"expression\":[\"name\",\"x\",\"nosuch\"]}",
	"{\"expression\":[\"name\",\"x\",1]}",
	"{\"expression\":[\"name\",\"x\",\"basename\",1]}",
	"{\"expression\":[\"match\",[\"x\"]]}",
	"{\"expression\":[\"match\",\"x\",\"basename\",1]}",
	"{\"expression\":[\"match\",\"x\",\"basename\",{\"noescape\":1}]}",
	"{\"expression\":[\"suffix\"]}",
	"{\"expression\":[\"suffix\",null]}",
	"{\"expression\":[\"dirname\"]}",
	"{\"expression\":[\"dirname\",1]}",
	"{\"expression\":[\"dirname\",\"x\",1]}",
	"{\"expression\":[\"dirname\",\"x\",[\"depth\"]]}",
	"{\"expression\":[\"dirname\",\"x\",[\"depth\",\"xx\",1]]}",
	"{\"expression\":[\"dirname\",\"x\",[\"other\",\"ge\",1]]}",
	"{\"expression\":[\"type\"]}",
	"{\"expression\":[\"type\",\"ff\"]}",
	"{\"expression\":[\"type\",\"x\"]}",
	"{\"expression\":[\"type\",\"\"]}",
	"{\"expression\":[\"size\",\"eq\"]}",
	"{\"expression\":[\"size\",\"eq\",\"1\"]}",
	"{\"expression\":[\"size\",\"about\",1]}",
	"{\"expression\":[\"since\"]}",
	"{\"expression\":[\"since\",\"x\"]}",
	"{\"expression\":[\"since\",1,\"nosuch\"]}",
	"{\"expression\":[\"since\",\"c:1:2:1:3\",\"mtime\"]}",
	"{\"expression\":[\"true\",1]}",
	"{\"fields\":\"name\"}",
	"{\"fields\":[1]}",
	"{\"fields\":[\"nosuch\"]}",
	"{\"since\":true}",
	"{\"suffix\":1}",
	"{\"suffix\":[1]}",
	"{\"glob\":\"x\"}",
	"{\"glob\":[1]}",
	"{\"glob\":[\"/abs\"]}",
	"{\"glob\":[\"x\"],\"suffix\":\"c\"}",
	"{\"path\":\"x\"}",
	"{\"path\":[1]}",
	"{\"path\":[{\"path\":\"x\"}]}",
	"{\"path\":[{\"depth\":1}]}",
	"{\"relative_root\":1}",
	"{\"relative_root\":\"/x\"}",
	"{\"relative_root\":\"../x\"}",
	"{\"relative_root\":\"x/../..\"}",
	"{\"case_sensitive\":1}",
	"{\"dedup_results\":\"x\"}",
	"{\"sync_timeout\":-1}",
	"{\"sync_timeout\":\"x\"}",
	"{\"empty_on_fresh_instance\":[]}",
	"{\"glob_includedotfiles\":0}",
};

static void test_errors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		json_t *spec = value_of(wrong[i]);
		AUTO_BUF error = { 0 };
		struct query *q;

		if (query_parse(spec, &q, &error) != -EINVAL)
			fail_msg("%s is taken", wrong[i]);
		if (strncmp(buf_str(&error), "failed to parse query: ", 23) != 0 || strchr(error.data, '\n'))
			fail_msg("%s: %s", wrong[i], buf_str(&error));
		json_decref(spec);
	}
}

static void assert_refused(json_t *expression, const char *text)
{
	json_t *spec = json_pack("{s:o}", "expression", expression);
	AUTO_BUF error = { 0 };
	struct query *q;

	assert_int_equal(query_parse(spec, &q, &error), -EINVAL);
	assert_non_null(strstr(error.data, text));
	json_decref(spec);
}

static void test_limits(void **state)
{
	json_t *deep = json_string("true"), *wide = json_pack("[s]", "allof"), *words = json_array();

	for (int i = 0; i < QUERY_DEPTH_MAX; i++)
		deep = json_pack("[s,o]", "not", deep);
	assert_refused(deep, "nested");
	for (int i = 0; i < QUERY_TERMS_MAX; i++)
		json_array_append_new(wide, json_string("true"));
	assert_refused(wide, "terms");
	for (int i = 0; i <= QUERY_WORDS_MAX; i++)
		json_array_append_new(words, json_string("x"));
	assert_refused(json_pack("[s,o]", "name", words), "words");
}

/* ---- there and back ---- */

static void test_round_trip(void **state)
{
	static const char *const more[] = {
		"{\"since\":\"c:7:8:1:5\",\"fields\":[\"name\",\"size\"],\"relative_root\":\"\"}",
		"{\"since\":17,\"relative_root\":\"a/b/\",\"dedup_results\":true,\"empty_on_fresh_instance\":true}",
		"{\"since\":\"n:x\",\"glob\":[\"a\"],\"glob_noescape\":true,\"sync_timeout\":5}",
		"{\"path\":[\"/a/\",{\"path\":\"b\",\"depth\":3}],\"case_sensitive\":false}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(by_name) + ARRAY_SIZE(more); i++) {
		struct query *q = parse(i < ARRAY_SIZE(by_name) ? by_name[i].query : more[i - ARRAY_SIZE(by_name)]),
			     *again;
		json_t *first = query_to_json(q), *second;
		AUTO_BUF error = { 0 };

		assert_int_equal(query_parse(first, &again, &error), 0);
		second = query_to_json(again);
		assert_true(json_equal(first, second));
		json_decref(first);
		json_decref(second);
		query_free(q);
		query_free(again);
	}
}

/* ---- find and since ---- */

static void test_patterns(void **state)
{
	static const struct {
		const char *args, *name;
		bool matches;
	} table[] = {
		{ "[\"find\",\"/r\"]", "a/x.c", true },
		{ "[\"find\",\"/r\",\"*.c\"]", "x.c", true },
		{ "[\"find\",\"/r\",\"*.c\"]", "a/x.c", false },
		{ "[\"find\",\"/r\",\"**/*.c\",\"*.h\"]", "x.h", true },
		{ "[\"find\",\"/r\",\"!\",\"*.c\"]", "x.c", false },
		{ "[\"find\",\"/r\",\"!\",\"*.c\"]", "x.h", true },
		{ "[\"find\",\"/r\",\"-X\",\"*.c\"]", "x.c", false },
		{ "[\"find\",\"/r\",\"-X\",\"*.c\"]", "x.h", true },
		{ "[\"find\",\"/r\",\"-X\",\"x.*\",\"-I\",\"*.c\"]", "x.c", false },
		{ "[\"find\",\"/r\",\"-X\",\"x.*\",\"-I\",\"*.c\"]", "y.c", true },
		{ "[\"find\",\"/r\",\"*.c\",\"--\",\"*.h\"]", "x.h", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		json_t *args = value_of(table[i].args), *spec;
		AUTO_BUF error = { 0 };
		struct query *q;

		spec = query_of_patterns(args, 2, &error);
		assert_non_null(spec);
		assert_int_equal(query_parse(spec, &q, &error), 0);
		if (matches(q, file(table[i].name)) != table[i].matches)
			fail_msg("%s on %s", table[i].args, table[i].name);
		query_free(q);
		json_decref(spec);
		json_decref(args);
	}
}

static void test_wrong_patterns(void **state)
{
	static const char *const table[] = { "[\"find\",\"/r\",1]", "[\"find\",\"/r\",\"-p\",\"x\"]" };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		json_t *args = value_of(table[i]);
		AUTO_BUF error = { 0 };

		assert_null(query_of_patterns(args, 2, &error));
		assert_true(error.len > 0);
		json_decref(args);
	}
}

static void test_pruning(void **state)
{
	struct query *paths = parse("{\"path\":[\"a/b\",\"c\"]}"), *all = parse("{\"path\":[\"a\"],\"suffix\":\"c\"}");

	assert_true(query_may_hold(paths, "a"));
	assert_true(query_may_hold(paths, "a/b"));
	assert_true(query_may_hold(paths, "a/b/x"));
	assert_false(query_may_hold(paths, "a/x"));
	assert_false(query_may_hold(paths, "ab"));
	assert_true(query_may_hold(paths, "c"));
	assert_true(query_may_hold(all, "x"));
	query_free(paths);
	query_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_gone_and_other_files),
		cmocka_unit_test(test_since_term), cmocka_unit_test(test_asks_seldom),
		cmocka_unit_test(test_fields),	   cmocka_unit_test(test_every_field),
		cmocka_unit_test(test_since),	   cmocka_unit_test(test_errors),
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_patterns),   cmocka_unit_test(test_wrong_patterns),
		cmocka_unit_test(test_pruning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
