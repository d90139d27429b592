#include "supervisor/readset.h"
#include "tests/unit/test.h"
#include <stdio.h>
#include <string.h>

static struct state state_of(char c)
{
	if (c == '-')
		return state_absent();
	if (c == '?')
		return state_unknown();
	if (c == '/')
		return (struct state){ .kind = STATE_DIR };
	return (struct state){ .kind = STATE_FILE, .hashed = 1, .content = { .lo = (uint64_t)c } };
}

static void test_add_and_drop(void **state)
{
	struct readset r = { 0 };

	assert_true(readset_add(&r, "a", READ_ABSENT));
	assert_false(readset_add(&r, "a", READ_ABSENT));
	assert_true(readset_add(&r, "a", READ_CONTENT));
	assert_int_equal(readset_how(&r, "a"), READ_ABSENT | READ_CONTENT);
	assert_false(readset_add(&r, "b", 0));
	readset_drop(&r, "a", READ_ABSENT | READ_WROTE);
	assert_int_equal(readset_how(&r, "a"), READ_CONTENT);
	readset_drop(&r, "a", READ_CONTENT);
	readset_drop(&r, "a", READ_CONTENT);
	assert_int_equal(r.paths.count, 0);
	assert_int_equal(r.bytes, 0);
	readset_done(&r);
}

/* the table: what was read, and how; what changes, from what to what; does it concern the reader, and by which way */
static void test_concerns(void **state)
{
	static const struct {
		const char *path;
		unsigned how;
		const char *changed, *states;
		bool ignored;
		unsigned by; /* 0: it does not */
	} cases[] = {
		{ "a.c", READ_CONTENT, "a.c", "AB", false, READ_CONTENT },
		{ "a.c", READ_CONTENT, "a.c", "AB", true, READ_CONTENT }, /* reading beats ignoring */
		{ "a.c", READ_CONTENT, "b.c", "AB", false, 0 },
		{ "a.c", READ_CONTENT, "a.c/x", "AB", false, 0 },
		{ "a.c", READ_CONTENT, "a.c", "A-", false, READ_CONTENT },
		{ "x.h", READ_ABSENT, "x.h", "-A", false, READ_ABSENT },
		{ ".x.swp", READ_ABSENT, ".x.swp", "-A", false, READ_ABSENT }, /* asked for by that very name */
		{ "vendor", READ_ABSENT, "vendor", "-/", false, READ_ABSENT },
		{ "src", READ_SEEN, "src", "/-", false, READ_SEEN },
		{ "src", READ_SEEN, "src", "//", false, 0 },
		{ "src", READ_LISTED, "src", "/-", false, READ_LISTED },
		{ "src", READ_LISTED, "src", "-/", false, 0 },
		{ "src", READ_SEEN, "src/new", "-A", false, 0 },
		{ "src", READ_LISTED, "src/new", "-A", false, READ_LISTED },
		{ "src", READ_LISTED, "src/new", "-/", false, 0 }, /* what comes to lie in it does */
		{ "src", READ_LISTED, "src/old", "/-", false, 0 },
		{ "src", READ_LISTED, "src/old", "/A", false, 0 },
		{ "src", READ_LISTED, "src/new", "?A", false, READ_LISTED },
		{ "src", READ_LISTED, "src/old", "A-", false, READ_LISTED },
		{ "src", READ_LISTED, "src/old", "AB", false, 0 }, /* its name is as it was */
		{ "src", READ_LISTED, "src/new", "-A", true, 0 },
		{ "src", READ_LISTED, "src/4913", "-A", false, 0 },
		{ "src", READ_LISTED, "src/.a.c.swp", "-A", false, 0 },
		{ "src", READ_LISTED, "src/a.c~", "-A", false, 0 },
		{ "src", READ_LISTED, "src/deep/new", "-A", false, 0 },
		{ "", READ_LISTED, "new", "-A", false, READ_LISTED },
		{ "", READ_LISTED, "src/new", "-A", false, 0 },
		{ "bin/x", READ_WROTE, "bin/x", "A-", true, READ_WROTE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct change c = { .path = cases[i].changed,
				    .before = state_of(cases[i].states[0]),
				    .after = state_of(cases[i].states[1]),
				    .ignored = cases[i].ignored };
		struct readset r = { 0 };
		unsigned how = 0;
		bool concerns;

		readset_add(&r, cases[i].path, cases[i].how);
		concerns = readset_concerns(&r, &c, &how);
		if (concerns != (cases[i].by != 0) || how != cases[i].by)
			fail_msg("case %zu: %s, %s", i, cases[i].path, cases[i].changed);
		readset_done(&r);
	}
}

static void test_directories_to_come(void **state)
{
	const struct change changes[] = {
		{ .path = "src/a/b", .before = state_of('-'), .after = state_of('/') },
		{ .path = "src/a", .before = state_of('-'), .after = state_of('/') },
		{ .path = "src/t", .before = state_of('-'), .after = state_of('/'), .ignored = true },
		{ .path = "doc/a", .before = state_of('-'), .after = state_of('/') },
		{ .path = "src/f", .before = state_of('-'), .after = state_of('A') },
	};
	struct readset r = { 0 };

	readset_add(&r, "src", READ_LISTED);
	while (readset_adopt(&r, changes, ARRAY_SIZE(changes)))
		;
	assert_int_equal(r.paths.count, 3);
	assert_int_equal(readset_how(&r, "src/a/b"), READ_LISTED);
	readset_done(&r);
}

static void test_limits(void **state)
{
	struct readset r = { 0 }, all = { 0 };
	char path[16];

	for (int i = 0; i < READSET_MAX_PATHS; i++) {
		snprintf(path, sizeof(path), "%d", i);
		readset_add(&r, path, READ_SEEN);
	}
	assert_false(r.full);
	readset_add(&r, "0", READ_CONTENT);
	assert_false(r.full);
	readset_add(&r, "one more", READ_SEEN);
	assert_true(r.full);
	readset_add_all(&all, &r);
	assert_true(all.full);
	readset_done(&r);
	readset_done(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_drop),
		cmocka_unit_test(test_concerns),
		cmocka_unit_test(test_directories_to_come),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
