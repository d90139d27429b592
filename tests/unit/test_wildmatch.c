#include "core/wildmatch.h"
#include "core/base/cleanup.h"
#include "tests/unit/test.h"
#include <string.h>

#define PATH WILD_PATH
#define DOT WILD_PERIOD

static const struct {
	const char *pattern, *text;
	unsigned flags;
	bool matches;
} cases[] = {
	/* plain */
	{ "", "", 0, true },
	{ "a", "a", 0, true },
	{ "a", "b", 0, false },
	{ "a", "ab", 0, false },
	{ "ab", "a", 0, false },
	{ "a", "A", 0, false },
	{ "a", "A", WILD_CASEFOLD, true },
	{ "?", "a", 0, true },
	{ "?", "", 0, false },
	/* stars */
	{ "*", "", 0, true },
	{ "*", "abc", 0, true },
	{ "*.c", "x.c", 0, true },
	{ "*.c", ".c", 0, true },
	{ "*.c", "x.h", 0, false },
	{ "a*b*c", "aXbYbZc", 0, true },
	{ "a*b*c", "aXbYbZ", 0, false },
	{ "*a*a*a", "aabaab", 0, false },
	{ "**", "a/b", 0, true }, /* not a path: two stars are one */
	{ "*", "a/b", 0, true },
	/* brackets */
	{ "[abc]", "b", 0, true },
	{ "[a-c]", "b", 0, true },
	{ "[a-c]", "d", 0, false },
	{ "[!a-c]", "d", 0, true },
	{ "[^a-c]", "b", 0, false },
	{ "[]a]", "]", 0, true },
	{ "[]a]", "a", 0, true },
	{ "[!]a]", "]", 0, false },
	{ "[a-]", "-", 0, true },
	{ "[a", "[a", 0, true }, /* never closed: itself */
	{ "[A-C]x", "bX", WILD_CASEFOLD, true },
	{ "[\\]]", "]", 0, true },
	{ "x[0-9]*", "x1abc", 0, true },
	/* escapes */
	{ "\\*", "*", 0, true },
	{ "\\*", "a", 0, false },
	{ "\\a", "\\a", WILD_NOESCAPE, true },
	{ "a\\", "a\\", 0, true },
	/* paths */
	{ "*", "a/b", PATH, false },
	{ "*/b", "a/b", PATH, true },
	{ "a?b", "a/b", PATH, false },
	{ "[!x]*", "a/b", PATH, false },
	{ "**", "a", PATH, true },
	{ "**", "a/b/c", PATH, true },
	{ "**/c", "c", PATH, true },
	{ "**/c", "a/b/c", PATH, true },
	{ "**/c", "a/b/cc", PATH, false },
	{ "**/*.c", "x.c", PATH, true },
	{ "**/*.c", "a/b/x.c", PATH, true },
	{ "a/**", "a", PATH, false },
	{ "a/**", "a/b/c", PATH, true },
	{ "a/**/z", "a/z", PATH, true },
	{ "a/**/z", "a/b/c/z", PATH, true },
	{ "a/**/z", "b/a/z", PATH, false },
	{ "**/a/**/z", "x/a/y/a/b/z", PATH, true },
	{ "**/a/b", "a/a/b", PATH, true },
	{ "a**b", "axxb", PATH, true }, /* not between slashes: one star */
	{ "a**b", "ax/xb", PATH, false },
	{ "a//b", "a/b", PATH, true },
	{ "a/", "a", PATH, true },
	{ "", "a", PATH, false },
	{ "A/*.C", "a/x.c", PATH | WILD_CASEFOLD, true },
	/* leading dots */
	{ "*", ".x", DOT, false },
	{ "?x", ".x", DOT, false },
	{ "[.]x", ".x", DOT, false },
	{ ".*", ".x", DOT, true },
	{ "\\.x", ".x", DOT, true },
	{ "*.x", "a.x", DOT, true },
	{ "*/*", "a/.x", PATH | DOT, false },
	{ "*/.*", "a/.x", PATH | DOT, true },
	{ "**/x", ".git/x", PATH | DOT, false },
	{ "**/x", ".git/x", PATH, true },
	{ "**", "a/.b/c", PATH | DOT, false },
	{ "a/**", "a/.b", PATH | DOT, false },
	{ "**/.x/y", "a/.x/y", PATH | DOT, true },
};

static void test_table(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool matches = wildmatch(cases[i].pattern, cases[i].text, cases[i].flags);

		if (matches != cases[i].matches)
			fail_msg("\"%s\" on \"%s\" with flags %u: %d", cases[i].pattern, cases[i].text, cases[i].flags,
				 matches);
	}
}

/* A pattern that makes a naive matcher try for longer than anyone lives: here it ends at once, or the test's time is over. */
static void test_hostile(void **state)
{
	char pattern[4001], text[4002];

	for (size_t i = 0; i < 4000; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[4000] = '\0';
	memset(text, 'a', 4000);
	strcpy(text + 4000, "b");
	assert_false(wildmatch(pattern, text, 0));
	for (size_t i = 0; i < 4000; i += 5)
		memcpy(pattern + i, "**/a/", 5);
	for (size_t i = 0; i < 4000; i += 2)
		memcpy(text + i, "a/", 2);
	strcpy(text + 4000, "b");
	assert_false(wildmatch(pattern, text, WILD_PATH));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_hostile) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
