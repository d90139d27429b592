#include "supervisor/plan.h"
#include "supervisor/printed.h"
#include "tests/unit/test.h"
#include <string.h>

/* contents by letter: 'A' is a file with that content, '-' absent, '/' a directory, '?' unknown */
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

static struct change change_of(const char *path, const char *states, const char *job)
{
	struct change c = { .path = path, .before = state_of(states[0]), .after = state_of(states[1]) };

	strcpy(c.writer.job, job);
	return c;
}

static enum plan_reason take(struct plan *p, const char *path, const char *states)
{
	struct change c = change_of(path, states, "");
	bool moved;

	return plan_take(p, &c, &moved);
}

static enum plan_reason take_by(struct plan *p, const char *path, const char *states, const char *job)
{
	struct change c = change_of(path, states, job);
	bool moved;

	return plan_take(p, &c, &moved);
}

static struct config_service service = { .name = (char *)"api" };

static int set_up(void **state)
{
	struct plan *p = malloc(sizeof(*p));

	service.watch = service.ignore = (struct strv){ 0 };
	plan_init(p, &service);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	plan_done(*state);
	free(*state);
	strv_done(&service.watch);
	strv_done(&service.ignore);
	return 0;
}

static void test_change_and_back(void **state)
{
	struct plan *p = *state;

	assert_false(plan_is_stale(p));
	assert_int_equal(take(p, "a.c", "AB"), PLAN_COUNTS);
	assert_true(plan_is_stale(p));
	take(p, "a.c", "BC");
	assert_true(plan_is_stale(p));
	take(p, "a.c", "CA");
	assert_false(plan_is_stale(p));
	take(p, "b.c", "-A");
	assert_true(plan_is_stale(p));
	take(p, "b.c", "A-");
	assert_false(plan_is_stale(p));
}

static void test_unknown_never_equal(void **state)
{
	struct plan *p = *state;

	take(p, "a.c", "?B");
	take(p, "a.c", "B?");
	assert_true(plan_is_stale(p));
}

/* A good, B fails; back to A: as good as what serves, and no attempt at A is needed. */
static void test_failed_then_reverted(void **state)
{
	struct plan *p = *state;

	plan_begin(p);
	plan_good(p);
	take(p, "a.c", "AB");
	plan_begin(p);
	assert_false(plan_is_stale(p));
	assert_false(plan_is_as_good(p));
	take(p, "a.c", "BA");
	assert_true(plan_is_stale(p));
	assert_true(plan_is_as_good(p));
	take(p, "a.c", "AB");
	assert_false(plan_is_stale(p)); /* the same failure again would teach nothing */
	assert_false(plan_is_as_good(p));
}

/* What changes while the attempt runs counts against that attempt when it turns out good. */
static void test_change_during_attempt(void **state)
{
	struct plan *p = *state;

	take(p, "a.c", "AB");
	plan_begin(p);
	take(p, "b.c", "AB");
	plan_good(p);
	assert_true(plan_is_stale(p));
	assert_false(plan_is_as_good(p));
	take(p, "b.c", "BA");
	assert_false(plan_is_stale(p));
	assert_true(plan_is_as_good(p));
	take(p, "a.c", "BA"); /* away from what is built now */
	assert_true(plan_is_stale(p));
}

static void test_own_output(void **state)
{
	struct plan *p = *state;

	assert_int_equal(take_by(p, "bin/api", "-A", "api/build"), PLAN_OWN_OUTPUT);
	assert_int_equal(take_by(p, "log", "-A", "api/run"), PLAN_OWN_OUTPUT);
	assert_false(plan_is_stale(p));
	assert_int_equal(take_by(p, "bin/gen", "-A", "api2/build"), PLAN_COUNTS);
	assert_true(plan_is_stale(p));
	take_by(p, "bin/gen", "AB", "api/build"); /* written last by its own job */
	assert_false(plan_is_stale(p));
	take(p, "bin/api", "A-"); /* somebody else's clean */
	assert_true(plan_is_stale(p));
}

static void test_what_never_counts(void **state)
{
	struct plan *p = *state;
	struct change c = change_of("a.c", "AA", "");
	bool moved;

	c.reason = CHANGE_SAME_CONTENT;
	assert_int_equal(plan_take(p, &c, &moved), PLAN_SAME_CONTENT);
	assert_false(moved);
	c = change_of("node_modules/x.js", "AB", "");
	c.ignored = true;
	assert_int_equal(plan_take(p, &c, &moved), PLAN_IGNORED);
	assert_int_equal(take(p, ".git/index", "AB"), PLAN_GIT_DIR);
	assert_int_equal(take(p, "sub/.git/HEAD", "AB"), PLAN_GIT_DIR);
	assert_int_equal(take(p, "dir/.x.c.swp", "-A"), PLAN_EDITOR_FILE);
	assert_int_equal(take(p, "4913", "-A"), PLAN_EDITOR_FILE);
	assert_int_equal(take(p, "new", "-/"), PLAN_DIRECTORY);
	assert_int_equal(take(p, "hrfs.yaml", "AB"), PLAN_CONFIG);
	assert_false(plan_is_stale(p));
	assert_int_equal(take(p, ".gitignore", "AB"), PLAN_COUNTS);
	assert_int_equal(take(p, "sub/hrfs.yaml", "AB"), PLAN_COUNTS);
}

static void test_watch_and_ignore(void **state)
{
	struct plan *p = *state;
	struct change c = change_of("vendor/x.go", "AB", "");
	bool moved;

	strv_add(&service.watch, "*.go");
	strv_add(&service.watch, "vendor/");
	strv_add(&service.ignore, "*_test.go");
	assert_int_equal(take(p, "README.md", "AB"), PLAN_NOT_WATCHED);
	assert_int_equal(take(p, "a_test.go", "AB"), PLAN_IGNORE_KEY);
	c.ignored = true;
	assert_int_equal(plan_take(p, &c, &moved), PLAN_COUNTS); /* named, so it counts though git ignores it */
	c = change_of("tmp/x.go", "AB", "");
	c.ignored = true;
	assert_int_equal(plan_take(p, &c, &moved), PLAN_IGNORED);
}

static void test_too_many(void **state)
{
	struct plan *p = *state;

	plan_take_all(p);
	assert_true(plan_is_stale(p));
	assert_false(plan_is_as_good(p));
	plan_begin(p);
	assert_false(plan_is_stale(p));
	plan_good(p);
	assert_true(plan_is_as_good(p));
}

/* `hrfs run > log`: each line that a reload prints would ask for the next one. */
static void test_printed(void **state)
{
	struct plan *p = *state;
	struct change c = change_of("log", "AB", PRINTED_JOB);
	bool moved;

	assert_int_equal(plan_take(p, &c, &moved), PLAN_PRINTED);
	assert_false(moved);
	strcpy(c.writer.job, PRINTED_JOB "/run"); /* of a service with that name */
	assert_int_equal(plan_judge(p, &c), PLAN_COUNTS);
}

/* A server's log or database, held open for writing: live state, of no service's making. */
static void test_live_state(void **state)
{
	struct plan *p = *state;
	struct change c = change_of("data/app.log", "AB", "web/run");
	bool moved;

	c.open = true;
	assert_int_equal(plan_take(p, &c, &moved), PLAN_LIVE_STATE);
	assert_false(moved);
	c.open = false; /* written and closed: it may be what somebody reads */
	assert_int_equal(plan_judge(p, &c), PLAN_COUNTS);
	c.open = true;
	strcpy(c.writer.job, "web/build"); /* a slow build is no server */
	assert_int_equal(plan_judge(p, &c), PLAN_COUNTS);
	strcpy(c.writer.job, ""); /* nor is an editor */
	assert_int_equal(plan_judge(p, &c), PLAN_COUNTS);
	strcpy(c.writer.job, "web/run");
	strv_add(&service.watch, "data/app.log"); /* named: it counts */
	assert_int_equal(plan_judge(p, &c), PLAN_COUNTS);
}

static void test_forgotten_good(void **state)
{
	struct plan *p = *state;

	plan_begin(p);
	plan_forget_good(p);
	take(p, "a.c", "AB");
	take(p, "a.c", "BA");
	assert_false(plan_is_stale(p));
	assert_false(plan_is_as_good(p)); /* what serves was built from nobody knows what */
	plan_begin(p);
	plan_good(p);
	assert_true(plan_is_as_good(p));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_change_and_back),
		T(test_unknown_never_equal),
		T(test_failed_then_reverted),
		T(test_printed),
		T(test_live_state),
		T(test_forgotten_good),
		T(test_change_during_attempt),
		T(test_own_output),
		T(test_what_never_counts),
		T(test_watch_and_ignore),
		T(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
