/*
 * Queries: one that is printed and parsed again is the same, and chooses the same files; what is said of a file is JSON.
 */
#include "core/query.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static const char *const names[] = { "", "a", "a/b.c", ".git/index", "src/.x/y.test.js", "A/B.C", "caf\xe9" };

static void ask_stat(struct query_file *f, void *arg)
{
	static const struct stat st = { .st_mode = S_IFREG | 0644, .st_size = 3, .st_mtime = 1000, .st_nlink = 1 };

	if (f->exists)
		f->st = &st;
}

static bool ask_changed(struct query_file *f, const struct query_since *since, void *arg)
{
	return f->tick > since->clock.tick;
}

static char *ask_target(struct query_file *f, void *arg)
{
	return strdup("to");
}

static const struct clock journal = { .start = 7, .pid = 8 };
static const struct query_source source = {
	.stat = ask_stat, .changed_since = ask_changed, .link_target = ask_target, .clock = &journal
};

static struct query_file file(size_t n)
{
	return (struct query_file){
		.name = names[n], .kind = (enum state_kind)(n % 6), .exists = n % 2, .is_new = n % 3 == 0, .tick = n
	};
}

static bool chooses(const struct query *q, size_t n)
{
	struct query_file f = file(n);

	return query_generates(q, &f, &source) && query_matches(q, &f, &source);
}

static void say(const struct query *q, size_t n)
{
	struct query_file f = file(n);
	AUTO_BUF out = { 0 };
	const char *why;
	json_t *value;

	MUST(query_put_file(q, &f, &source, &out) == 0);
	value = json_parse(out.data, out.len, &why);
	MUST(value);
	json_decref(value);
}

static void there_and_back(const struct query *q)
{
	json_t *printed = query_to_json(q), *printed_again;
	AUTO_BUF error = { 0 };
	struct query *again;

	MUST(printed && query_parse(printed, &again, &error) == 0);
	printed_again = query_to_json(again);
	MUST(json_equal(printed, printed_again));
	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		MUST(chooses(q, n) == chooses(again, n));
		say(q, n);
		query_may_hold(q, names[n]);
	}
	json_decref(printed);
	json_decref(printed_again);
	query_free(again);
}

static void as_query(const json_t *spec)
{
	AUTO_BUF error = { 0 };
	struct query *q;
	int r = query_parse(spec, &q, &error);

	if (r == 0) {
		there_and_back(q);
		query_free(q);
	} else {
		MUST(error.len && !memchr(error.data, '\0', error.len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why;
	json_t *value = json_parse((const char *)data, size, &why), *spec;
	AUTO_BUF error = { 0 };

	if (!value)
		return 0;
	as_query(value);
	if (json_is_array(value)) {
		spec = query_of_patterns(value, 0, &error);
		if (spec)
			as_query(spec);
		json_decref(spec);
		spec = json_pack("{s:O}", "expression", value);
		as_query(spec);
		json_decref(spec);
	}
	json_decref(value);
	return 0;
}
