#include "core/state.h"
#include "tests/unit/test.h"
#include <string.h>
#include <sys/stat.h>

static const struct hash one = { 1, 1 }, other = { 2, 2 };

/* Each state against each: equal only where it is known to be. */
static void test_equal(void **unused)
{
	const struct state states[] = {
		state_unknown(),
		state_absent(),
		state_of_mode(S_IFDIR | 0755),
		state_of_mode(S_IFREG | 0644),
		state_with_content(state_of_mode(S_IFREG | 0644), one),
		state_with_content(state_of_mode(S_IFREG | 0644), other),
		state_with_content(state_of_mode(S_IFREG | 0744), one),
		state_with_content(state_of_mode(S_IFREG | 0755), one),
		state_of_mode(S_IFLNK | 0777),
		state_with_content(state_of_mode(S_IFLNK | 0777), one),
		state_of_mode(S_IFIFO | 0644),
		state_of_mode(S_IFSOCK | 0644),
	};
	static const bool to_itself[] = { false, true, true, false, true, true, true, true, false, true, true, true };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		for (size_t k = 0; k < sizeof(states) / sizeof(states[0]); k++) {
			if (state_equal(&states[i], &states[k]) != (i == k && to_itself[i]))
				fail_msg("states %zu and %zu", i, k);
		}
	}
}

static void test_what_does_not_count(void **unused)
{
	struct state a = state_with_content(state_of_mode(S_IFREG | 0644), one);
	struct state b = state_with_content(state_of_mode(S_IFREG | S_ISUID | 0600), one);
	struct state c = state_of_mode(S_IFDIR | 0700), d = state_of_mode(S_IFDIR | 0755);

	assert_true(state_equal(&a, &b)); /* who may read it is no part of its state */
	assert_true(state_equal(&c, &d));
}

static void test_text(void **unused)
{
	char text[STATE_TEXT_SIZE];
	struct state s = state_absent();

	assert_string_equal(state_text(&s, text), "absent");
	s = state_unknown();
	assert_string_equal(state_text(&s, text), "unknown");
	s = state_of_mode(S_IFDIR);
	assert_string_equal(state_text(&s, text), "dir");
	s = state_of_mode(S_IFREG | 0644);
	assert_string_equal(state_text(&s, text), "file ?");
	s = state_with_content(state_of_mode(S_IFREG | 0755), one);
	assert_string_equal(state_text(&s, text), "file 00000000000000010000000000000001 x");
	s = state_of_mode(S_IFLNK);
	assert_string_equal(state_text(&s, text), "symlink ?");
	s = state_of_mode(S_IFCHR);
	assert_string_equal(state_text(&s, text), "other");
	s.kind = 200;
	assert_string_equal(state_text(&s, text), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_what_does_not_count),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
