/* What a service's jobs have read decides what makes them stale. */
#include "supervisor/plan.h"
#include "tests/unit/test.h"
#include <stdio.h>
#include <string.h>

static struct config_service service = { .name = (char *)"api" };

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

static enum plan_reason take(struct plan *p, const char *path, const char *states, const char *job)
{
	struct change c = change_of(path, states, job);
	bool moved;

	return plan_take(p, &c, &moved);
}

static void reads(struct plan *p, enum plan_stage stage, const char *path, unsigned how)
{
	readset_add(&p->reads[stage].set, path, how);
}

static bool known(struct plan *p, enum plan_stage stage)
{
	return plan_stage_known(p, stage, true, true, NULL, NULL);
}

static bool build_is_stale(const struct plan *p)
{
	return plan_stage_is_stale(p, PLAN_BUILD);
}

static bool run_is_stale(const struct plan *p)
{
	return plan_stage_is_stale(p, PLAN_RUN);
}

/* a service that builds main.c to bin/api, which reads conf */
static int set_up(void **state)
{
	struct plan *p = malloc(sizeof(*p));

	service.watch = service.ignore = (struct strv){ 0 };
	strv_add(&service.build.argv, "make");
	strv_add(&service.run.argv, "bin/api");
	plan_init(p, &service);
	plan_begin(p);
	plan_stage_begin(p, PLAN_BUILD);
	reads(p, PLAN_BUILD, "main.c", READ_CONTENT);
	reads(p, PLAN_BUILD, "bin/api", READ_WROTE);
	reads(p, PLAN_BUILD, "src", READ_LISTED);
	known(p, PLAN_BUILD);
	plan_stage_begin(p, PLAN_RUN);
	reads(p, PLAN_RUN, "bin/api", READ_EXECUTED);
	reads(p, PLAN_RUN, "bin", READ_SEEN);
	reads(p, PLAN_RUN, "conf", READ_CONTENT);
	known(p, PLAN_RUN);
	plan_good(p);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	plan_done(*state);
	free(*state);
	strv_done(&service.watch);
	strv_done(&service.ignore);
	strv_done(&service.build.argv);
	strv_done(&service.run.argv);
	return 0;
}

/* the table: a change, its writer; does it count; which job is stale */
static void test_table(void **state)
{
	static const struct {
		const char *path, *states, *job;
		enum plan_reason reason;
		bool build, run;
	} cases[] = {
		{ "main.c", "AB", "", PLAN_COUNTS, true, false },
		{ "conf", "AB", "", PLAN_COUNTS, false, true },
		{ "README", "AB", "", PLAN_NOT_READ, false, false },
		{ "README", "A-", "", PLAN_NOT_READ, false, false },
		{ "src/new.c", "-A", "", PLAN_COUNTS, true, false },
		{ "src/new", "-/", "", PLAN_DIRECTORY, false, false },
		{ "src/old.c", "AB", "", PLAN_NOT_READ, false, false },
		{ "src/.old.c.swp", "-A", "", PLAN_EDITOR_FILE, false, false },
		/* what it builds is for what runs; by somebody else it makes both stale */
		{ "bin/api", "AB", "api/build", PLAN_OWN_OUTPUT, false, true },
		{ "bin/other", "AB", "api/build", PLAN_OWN_OUTPUT, false, false },
		/* a directory for it, which is told of only once it runs */
		{ "bin", "-/", "api/build", PLAN_OWN_OUTPUT, false, false },
		{ "bin", "/-", "", PLAN_COUNTS, false, true },
		{ "bin/api", "A-", "", PLAN_COUNTS, true, true },
		{ "bin/api", "AB", "lib/build", PLAN_COUNTS, true, true },
		{ "conf", "AB", "api/run", PLAN_OWN_OUTPUT, false, false },
		{ "main.c", "AB", "api/run", PLAN_OWN_OUTPUT, false, false },
		{ ".git/index", "AB", "", PLAN_GIT_DIR, false, false },
		{ "hrfs.yaml", "AB", "", PLAN_CONFIG, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		void *made;
		struct plan *p;
		enum plan_reason reason;

		set_up(&made);
		p = made;
		reason = take(p, cases[i].path, cases[i].states, cases[i].job);
		if (reason != cases[i].reason || build_is_stale(p) != cases[i].build || run_is_stale(p) != cases[i].run ||
		    plan_is_stale(p) != (reason == PLAN_COUNTS))
			fail_msg("case %zu: %s: %s", i, cases[i].path, plan_reason_text(reason));
		tear_down(&made);
	}
}

static void test_back_again(void **state)
{
	struct plan *p = *state;

	take(p, "main.c", "AB", "");
	take(p, "bin/api", "XY", "api/build");
	assert_true(build_is_stale(p) && run_is_stale(p));
	take(p, "main.c", "BA", "");
	take(p, "bin/api", "YX", "api/build"); /* it came out as before: nothing is to be started */
	assert_false(build_is_stale(p) || run_is_stale(p) || plan_is_stale(p));
}

static void test_ignored(void **state)
{
	struct plan *p = *state;
	struct change c = change_of("conf", "AB", "");

	c.ignored = true;
	assert_int_equal(plan_judge(p, &c), PLAN_COUNTS); /* reading beats ignoring */
	c.path = "README";
	assert_int_equal(plan_judge(p, &c), PLAN_IGNORED);
	/* a log of its own, that somebody has emptied */
	reads(p, PLAN_RUN, "log", READ_CONTENT | READ_WROTE);
	c.path = "log";
	assert_int_equal(plan_judge_stage(p, PLAN_RUN, &c, NULL), PLAN_LIVE_STATE);
	/* of another server's making */
	c.path = "conf";
	strcpy(c.writer.job, "web/run");
	assert_int_equal(plan_judge(p, &c), PLAN_LIVE_STATE);
}

static void test_keys_of_the_file(void **state)
{
	struct plan *p = *state;

	strv_add(&service.ignore, "conf");
	assert_int_equal(take(p, "conf", "AB", ""), PLAN_IGNORE_KEY);
	strv_add(&service.watch, "*.md"); /* then that counts, and nothing else */
	assert_int_equal(take(p, "README.md", "AB", ""), PLAN_COUNTS);
	assert_int_equal(take(p, "main.c", "AB", ""), PLAN_NOT_WATCHED);
}

/* As long as a job has not been seen whole, everything that is not ignored counts. */
static void test_not_known(void **state)
{
	struct plan *p = *state;

	plan_stage_begin(p, PLAN_RUN);
	assert_false(plan_stage_known(p, PLAN_RUN, false, true, NULL, NULL));
	assert_int_equal(take(p, "README", "AB", ""), PLAN_COUNTS);
	assert_true(run_is_stale(p) && !build_is_stale(p));
	plan_stage_begin(p, PLAN_RUN);
	assert_int_equal(take(p, "README", "BC", ""), PLAN_COUNTS);
	/* a bad run says nothing, a good one does */
	plan_stage_known(p, PLAN_RUN, true, false, NULL, NULL);
	assert_int_equal(take(p, "README", "CD", ""), PLAN_COUNTS);
	known(p, PLAN_RUN);
	assert_int_equal(take(p, "README", "DE", ""), PLAN_NOT_READ);
}

static unsigned told;

static void count(const struct change *c, void *arg)
{
	told++;
}

/* While a job begins, what it has not read yet is kept in mind. */
static void test_later(void **state)
{
	struct plan *p = *state;

	told = 0;
	plan_stage_begin(p, PLAN_BUILD);
	assert_int_equal(take(p, "new.h", "AB", ""), PLAN_NOT_YET);
	assert_int_equal(take(p, "README", "AB", ""), PLAN_NOT_YET);
	assert_true(plan_has_later(p) && !plan_is_stale(p));
	reads(p, PLAN_BUILD, "new.h", READ_CONTENT);
	assert_true(plan_stage_known(p, PLAN_BUILD, true, true, count, NULL));
	assert_int_equal(told, 1);
	assert_true(plan_is_stale(p) && build_is_stale(p));
	assert_false(plan_has_later(p));
}

static void test_later_of_two(void **state)
{
	struct plan *p = *state;

	plan_stage_begin(p, PLAN_BUILD);
	plan_stage_begin(p, PLAN_RUN);
	take(p, "README", "AB", "");
	assert_false(known(p, PLAN_BUILD));
	assert_true(plan_has_later(p)); /* what runs may read it still */
	assert_false(known(p, PLAN_RUN));
	assert_false(plan_has_later(p));
}

static void test_later_too_many(void **state)
{
	struct plan *p = *state;
	char path[16];

	plan_stage_begin(p, PLAN_BUILD);
	for (int i = 0; i <= PLAN_MAX_PATHS; i++) {
		snprintf(path, sizeof(path), "%d", i);
		take(p, path, "AB", "");
	}
	assert_true(known(p, PLAN_BUILD));
	assert_true(plan_is_stale(p) && build_is_stale(p) && run_is_stale(p));
}

static void test_from_scratch(void **state)
{
	struct plan *p = *state;

	plan_stage_forget(p, PLAN_BUILD);
	assert_int_equal(take(p, "README", "AB", ""), PLAN_COUNTS);
	plan_stage_begin(p, PLAN_BUILD);
	known(p, PLAN_BUILD);
	assert_int_equal(take(p, "main.c", "AB", ""), PLAN_NOT_READ); /* not read this time */
}

/* What a build reads of an edit that is taken back while it runs, nobody knows. */
static void test_there_and_back_meanwhile(void **state)
{
	struct plan *p = *state;

	plan_begin(p);
	plan_stage_begin(p, PLAN_BUILD);
	take(p, "main.c", "AB", "");
	take(p, "main.c", "BA", "");
	known(p, PLAN_BUILD);
	assert_true(plan_is_stale(p) && build_is_stale(p));
	assert_true(plan_is_as_good(p)); /* as what was before this build */
	plan_good(p);
	assert_false(plan_is_as_good(p));
}

/* What was lost of a build counts for all later ones, which need not read it again; a server reads all each time. */
static void test_not_whole_once(void **state)
{
	struct plan *p = *state;

	for (int stage = PLAN_BUILD; stage <= PLAN_RUN; stage++) {
		plan_stage_begin(p, stage);
		plan_stage_known(p, stage, false, true, NULL, NULL);
		plan_stage_begin(p, stage);
		known(p, stage);
	}
	assert_true(p->reads[PLAN_RUN].known);
	assert_false(p->reads[PLAN_BUILD].known);
	assert_int_equal(take(p, "README", "AB", ""), PLAN_COUNTS);
	plan_stage_forget(p, PLAN_BUILD);
	plan_stage_begin(p, PLAN_BUILD);
	known(p, PLAN_BUILD);
	assert_true(p->reads[PLAN_BUILD].known);
}

/* the table: a change that ends at this tick, told before or after it is known that the job began at 7; is it since then? */
static void test_what_was_over_before(void **state)
{
	static const struct {
		tick_t tick, begun;
		bool outside, told_before, stale;
	} cases[] = {
		{ 6, 7, false, false, false },
		{ 7, 7, false, false, false },
		{ 8, 7, false, false, true },
		{ 6, 7, false, true, false },
		{ 8, 7, false, true, true },
		/* behind the mount: when the job could see it, nobody knows */
		{ 6, 7, true, false, true },
		{ 6, 7, true, true, true },
		/* no tick of this journal; no clock of the job's */
		{ 0, 7, false, false, true },
		{ 6, 0, false, false, true },
	};
	struct plan *p = *state;
	bool moved;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct change c = change_of("bin/api", "AB", "api/build");

		c.tick = cases[i].tick;
		c.writer.outside = cases[i].outside;
		plan_stage_begin(p, PLAN_RUN);
		if (cases[i].told_before)
			plan_take(p, &c, &moved);
		if (cases[i].begun)
			plan_stage_begun(p, PLAN_RUN, cases[i].begun);
		if (!cases[i].told_before)
			plan_take(p, &c, &moved);
		assert_int_equal(run_is_stale(p), cases[i].stale);
	}
}

static struct change at(const char *path, const char *states, tick_t tick)
{
	struct change c = change_of(path, states, "");

	c.tick = tick;
	return c;
}

static void test_a_batch_from_before_and_after(void **state)
{
	struct plan *p = *state;
	struct change old = at("main.c", "AB", 6), both = at("main.c", "BC", 9), back = at("main.c", "CB", 12);
	bool moved;

	plan_stage_begin(p, PLAN_BUILD);
	plan_stage_begun(p, PLAN_BUILD, 7);
	plan_take(p, &old, &moved);
	assert_false(build_is_stale(p));
	known(p, PLAN_BUILD);
	/* one of its requests was before, another one after */
	plan_take(p, &both, &moved);
	assert_true(build_is_stale(p));
	plan_take(p, &back, &moved);
	assert_false(build_is_stale(p));
}

static void test_told_before_and_once_more(void **state)
{
	struct plan *p = *state;
	struct change old = at("main.c", "AB", 6), new = at("main.c", "BC", 9);
	bool moved;

	plan_stage_begin(p, PLAN_BUILD);
	plan_take(p, &old, &moved);
	plan_take(p, &new, &moved);
	plan_stage_begun(p, PLAN_BUILD, 7);
	assert_true(build_is_stale(p));
}

static void test_begun_is_of_one_run_and_one_journal(void **state)
{
	struct plan *p = *state;
	struct change c = at("main.c", "AB", 6);
	bool moved;

	plan_stage_begin(p, PLAN_BUILD);
	plan_stage_begun(p, PLAN_BUILD, 7);
	plan_stage_begin(p, PLAN_BUILD);
	plan_take(p, &c, &moved);
	assert_true(build_is_stale(p));
	plan_stage_begun(p, PLAN_BUILD, 7);
	plan_take_all(p); /* ticks may begin anew */
	plan_stage_taken_in(p, PLAN_BUILD);
	plan_take(p, &c, &moved);
	assert_true(build_is_stale(p));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		T(test_back_again),
		T(test_ignored),
		T(test_keys_of_the_file),
		T(test_not_known),
		T(test_later),
		T(test_later_of_two),
		T(test_later_too_many),
		T(test_from_scratch),
		T(test_there_and_back_meanwhile),
		T(test_not_whole_once),
		T(test_what_was_over_before),
		T(test_a_batch_from_before_and_after),
		T(test_told_before_and_once_more),
		T(test_begun_is_of_one_run_and_one_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
