#include "supervisor/pattern.h"
#include "tests/unit/test.h"
#include <string.h>

static const struct {
	const char *pattern, *path;
	bool match;
} cases[] = {
	{ "*.go", "main.go", true },
	{ "*.go", "cmd/api/main.go", true },
	{ "*.go", "main.gox", false },
	{ "*.go", "x.go/y.txt", true }, /* below a directory that matches */
	{ "/main.go", "main.go", true },
	{ "/main.go", "cmd/main.go", false },
	{ "cmd/*.go", "cmd/main.go", true },
	{ "cmd/*.go", "a/cmd/main.go", false },
	{ "cmd/*.go", "cmd/api/main.go", false },
	{ "cmd", "cmd/api/main.go", true },
	{ "cmd", "x/cmd/api/main.go", true },
	{ "cmd/", "x/cmd/main.go", true },
	{ "cmd/", "cmd", false }, /* a file of that name is no directory */
	{ "cmd/api/", "cmd/api/main.go", true },
	{ "./cmd", "cmd/x", true },
	{ "./cmd", "x/cmd/y", false },
	{ "**/api", "cmd/api/x", true },
	{ "**/api", "api", true },
	{ "cmd/**", "cmd/a/b/c", true },
	{ "cmd/**", "cmd", false },
	{ "cmd/**/x.c", "cmd/x.c", true },
	{ "cmd/**/x.c", "cmd/a/b/x.c", true },
	{ "cmd/**/x.c", "cmd/a/b/y.c", false },
	{ "a/**/b/**/c", "a/x/b/y/b/z/c", true },
	{ "a/**/b/**/c", "a/x/c", false },
	{ "?.c", "x.c", true },
	{ "?.c", "xy.c", false },
	{ "[a-c].c", "b.c", true },
	{ "[!a-c].c", "b.c", false },
	{ "[!a-c].c", "d.c", true },
	{ "[]].c", "].c", true },
	{ "[x", "[x", true }, /* without an end it is a bracket */
	{ "a\\*b", "a*b", true },
	{ "a\\*b", "axb", false },
	{ "*a*b*c", "xxaxxbxxc", true },
	{ "*a*b*c", "xxaxxcxxb", false },
	{ "", "x", false },
	{ "**", "x", true },
	{ "*", "x/y", true },
};

static void test_cases(void **unused)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (pattern_match(cases[i].pattern, cases[i].path) != cases[i].match)
			fail_msg("'%s' on '%s' should be %d", cases[i].pattern, cases[i].path, cases[i].match);
	}
}

/* A pattern that would take exponential time with plain backtracking; it must end. */
static void test_hostile(void **unused)
{
	char pattern[512] = "", path[2048] = "";

	for (int i = 0; i < 60; i++)
		strcat(pattern, "**/a*a*");
	strcat(pattern, "/b");
	for (int i = 0; i < 200; i++)
		strcat(path, "aaaaaaa/");
	assert_false(pattern_match(pattern, path));
}

static void test_names(void **unused)
{
	AUTO_STRV v = { 0 };

	strv_add(&v, "*.log");
	strv_add(&v, "var");
	strv_add(&v, "gen/out.go");
	strv_add(&v, "vendor/");
	assert_false(pattern_names(&v, "a.log"));
	assert_false(pattern_names(&v, "var/x"));
	assert_true(pattern_names(&v, "gen/out.go"));
	assert_true(pattern_names(&v, "vendor/a/b.go"));
	assert_true(pattern_match_any(&v, "x/a.log"));
	assert_false(pattern_match_any(&v, "x/a.txt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
