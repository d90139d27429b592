#include "supervisor/outsourced.h"
#include "core/base/cleanup.h"
#include "tests/unit/test.h"

static void test_commands(void **state)
{
	static const struct {
		const char *argv[4];
		bool outsourced;
	} cases[] = {
		{ { "docker", "compose", "up" }, true },
		{ { "/usr/bin/docker", "run" }, true },
		{ { "./gradlew", "build" }, true },
		{ { "go", "build", "docker" }, false },
		{ { "dockerfile-lint" }, false },
		{ { "sh", "-c", "cd x && docker compose up" }, true },
		{ { "sh", "-c", "echo $(/usr/bin/docker ps)" }, true },
		{ { "sh", "-c", "./docker.sh" }, false },
		{ { "sh", "-c" }, false },
		{ { NULL }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (is_outsourced((char *const *)cases[i].argv) != cases[i].outsourced)
			fail_msg("case %zu", i);
	assert_false(is_outsourced(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_commands) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
