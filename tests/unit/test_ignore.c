/* The worker's side of hrfs-git, against a helper that does as each test says. */
#include "core/base/buf.h"
#include "fs/git/wire.h"
#include "fs/ignore.h"
#include "tests/unit/test.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LONG_MS 20000 /* never reached where an answer comes */

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	int fd;
	struct buf log;	   /* of the questions: "word path path;" */
	bool mute, ended;  /* mute: answers wait until it is not any more */
	const char *wrong; /* an answer to "ignored" that is none */
	size_t questions;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

/* "*.o" and what is in "out/" is ignored, git's own too. */
static bool is_ignored(const char *path)
{
	size_t len = strlen(path);

	return strncmp(path, "out/", 4) == 0 || strstr(path, ".git/") || (len > 2 && strcmp(path + len - 2, ".o") == 0);
}

static void answer(const char *message, size_t len, struct buf *out)
{
	size_t word = strlen(message) + 1;

	if (strcmp(message, "ignored") == 0) {
		for (const char *p = message + word; p < message + len; p += strlen(p) + 1)
			buf_putc(out, is_ignored(p) ? '1' : '0');
		if (fake.wrong) {
			buf_truncate(out, 0);
			buf_puts(out, fake.wrong);
		}
	} else if (strcmp(message, "dirs") == 0) {
		buf_put(out, "/r/.git/worktrees/w\0/r/.git", sizeof("/r/.git/worktrees/w\0/r/.git"));
	} else if (strcmp(message, "changed") == 0) {
		buf_putc(out, '0');
	} else if (strcmp(message, "about") == 0) {
		buf_puts(out, "worktree=none");
	}
}

static void note(const char *message, size_t len)
{
	for (const char *p = message; p < message + len; p += strlen(p) + 1)
		buf_printf(&fake.log, "%s%s", p == message ? "" : " ", p);
	buf_putc(&fake.log, ';');
	fake.questions++;
	pthread_cond_broadcast(&fake.moved);
}

static void reply(const char *message, size_t len)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF out = { 0 };

	pthread_mutex_lock(&fake.lock);
	note(message, len);
	while (fake.mute && !fake.ended)
		pthread_cond_wait(&fake.moved, &fake.lock);
	answer(message, len, &text);
	pthread_mutex_unlock(&fake.lock);
	wire_put(&out, buf_str(&text), text.len);
	if (send(fake.fd, out.data, out.len, MSG_NOSIGNAL) < 0)
		return;
}

static void *run(void *arg)
{
	AUTO_BUF in = { 0 };
	char chunk[4096];
	size_t start, len;
	ssize_t n;

	while ((n = read(fake.fd, chunk, sizeof(chunk))) > 0) {
		buf_put(&in, chunk, (size_t)n);
		while (wire_peek(&in, &start, &len) == 1) {
			AUTO_FREE char *message = calloc(1, len + 1);

			memcpy(message, in.data + start, len);
			buf_consume(&in, start + len);
			reply(message, len);
		}
	}
	return NULL;
}

static int setup(void **state)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	fake.fd = pair[1];
	fake.mute = fake.ended = false;
	fake.wrong = NULL;
	fake.questions = 0;
	if (pthread_create(&fake.thread, NULL, run, NULL))
		return -1;
	return ignore_start(pair[0]);
}

static int teardown(void **state)
{
	ignore_stop();
	pthread_mutex_lock(&fake.lock);
	fake.ended = true;
	pthread_cond_broadcast(&fake.moved);
	pthread_mutex_unlock(&fake.lock);
	pthread_join(fake.thread, NULL);
	close(fake.fd);
	buf_done(&fake.log);
	return 0;
}

static void set_mute(bool mute)
{
	pthread_mutex_lock(&fake.lock);
	fake.mute = mute;
	pthread_cond_broadcast(&fake.moved);
	pthread_mutex_unlock(&fake.lock);
}

/* What was asked since the last call; besides paths */
static void expect_asked(const char *expected)
{
	pthread_mutex_lock(&fake.lock);
	assert_string_equal(buf_str(&fake.log), expected);
	buf_truncate(&fake.log, 0);
	pthread_mutex_unlock(&fake.lock);
}

static bool ask_one(const char *path, int timeout_ms, bool *verdict)
{
	*verdict = true;
	return ignore_ask(&path, 1, verdict, timeout_ms);
}

static void expect(const char *path, bool ignored)
{
	bool verdict;

	assert_true(ask_one(path, LONG_MS, &verdict));
	assert_int_equal(verdict, ignored);
}

/* All that is asked before the first question */
static void begin(void)
{
	expect("begin", false);
	expect_asked("changed;about;ignored begin;");
}

static void test_asks_once(void **state)
{
	begin();
	assert_int_equal(ignore_cached("a.o"), -1);
	expect("a.o", true);
	expect("a.c", false);
	expect_asked("ignored a.o;ignored a.c;");
	expect("a.o", true);
	expect("a.c", false);
	expect_asked("");
	assert_int_equal(ignore_cached("a.o"), 1);
	assert_int_equal(ignore_cached("a.c"), 0);
	assert_int_equal(ignore_cached(""), 0);
}

static void test_an_ignored_directory_answers_for_what_is_in_it(void **state)
{
	begin();
	expect("out/deep/x", true);
	expect_asked("ignored out/ out/deep/ out/deep/x;");
	expect("out/deep/y", true);
	expect("out/z", true);
	expect_asked("");
	assert_int_equal(ignore_cached("out/never/asked"), 1);
	assert_int_equal(ignore_cached("outer"), -1);
}

static void test_one_question_for_many(void **state)
{
	static const char *const paths[] = { "d/a.o", "d/b.c", "d/a.o", "d/" };
	bool verdicts[4];

	begin();
	assert_true(ignore_ask(paths, 4, verdicts, LONG_MS));
	expect_asked("ignored d/ d/a.o d/b.c;");
	assert_true(verdicts[0] && !verdicts[1] && verdicts[2] && !verdicts[3]);
}

static void test_more_than_one_question_holds(void **state)
{
	enum { COUNT = 5000 };
	static char names[COUNT][16];
	static const char *paths[COUNT];
	static bool verdicts[COUNT];

	begin();
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "%d.%c", i, i % 2 ? 'o' : 'c');
		paths[i] = names[i];
	}
	assert_true(ignore_ask(paths, COUNT, verdicts, LONG_MS));
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(verdicts[i], i % 2);
	assert_true(fake.questions > COUNT / WIRE_MAX_PATHS);
}

static void test_gits_own_files_need_no_answer(void **state)
{
	bool verdict;

	assert_int_equal(ignore_cached(".git/index"), 1);
	assert_int_equal(ignore_cached("sub/.git"), 1);
	assert_int_equal(ignore_cached(".github/x"), -1);
	set_mute(true);
	assert_false(ask_one("sub/.git/HEAD", 0, &verdict));
	assert_true(verdict);
}

static void test_rules_are_read_anew_before_the_next_question(void **state)
{
	begin();
	expect("a.o", true);
	ignore_path_changed("sub/.gitignore");
	assert_int_equal(ignore_cached("a.o"), -1);
	expect("a.o", true);
	expect_asked("ignored a.o;reload;ignored a.o;");
}

static void test_which_files_are_rules(void **state)
{
	static const struct {
		const char *path;
		bool drops;
	} cases[] = {
		{ ".gitignore", true },		{ "a/b/.gitignore", true },
		{ ".git/info/exclude", true },	{ ".git/config", true },
		{ ".git/index", true },		{ ".git/modules/x/info/exclude", true },
		{ "sub/.git", true },		{ ".gitmodules", true },
		{ ".git/HEAD", false },		{ "config", false },
		{ "info/exclude", false },	{ "x.gitignore", false },
		{ ".git/objects/ab/c", false }, { ".git/index.lock", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect("a.o", true);
		ignore_path_changed(cases[i].path);
		assert_int_equal(ignore_cached("a.o"), cases[i].drops ? -1 : 1);
	}
}

/* The answer comes too late for who asked, and serves who asks next. */
static void test_a_late_answer_is_kept(void **state)
{
	bool verdict;

	begin();
	set_mute(true);
	assert_false(ask_one("a.o", 1, &verdict));
	assert_false(verdict);
	/* it is not waited for a second time, and nothing else is asked meanwhile */
	assert_false(ask_one("b.o", LONG_MS, &verdict));
	assert_false(verdict);
	expect_asked("ignored a.o;");
	set_mute(false);
	while (!ask_one("b.o", LONG_MS, &verdict))
		sched_yield();
	assert_true(verdict);
	assert_int_equal(ignore_cached("a.o"), 1);
}

/* What is answered by the old rules must not come in after they have changed. */
static void test_a_late_answer_to_old_rules_is_not_kept(void **state)
{
	bool verdict;

	begin();
	set_mute(true);
	assert_false(ask_one("a.o", 1, &verdict));
	ignore_path_changed(".gitignore");
	set_mute(false);
	while (!ask_one("b.c", LONG_MS, &verdict))
		sched_yield();
	assert_int_equal(ignore_cached("a.o"), -1);
}

static void test_a_dead_helper_ignores_nothing(void **state)
{
	bool verdict;

	begin();
	expect("a.o", true);
	assert_string_equal(ignore_helper(), "running");
	shutdown(fake.fd, SHUT_RDWR);
	for (int i = 0; i < 3; i++) {
		assert_false(ask_one("b.o", LONG_MS, &verdict));
		assert_false(verdict);
	}
	assert_string_equal(ignore_helper(), "none");
}

static void test_no_helper_at_all(void **state)
{
	char *dirs[2];
	bool verdict;

	ignore_stop();
	assert_int_equal(ignore_start(-1), 0);
	assert_false(ask_one("a.o", LONG_MS, &verdict));
	assert_false(verdict);
	assert_int_equal(ignore_git_dirs(dirs, 2), 0);
	ignore_path_changed(".gitignore");
}

static void test_nonsense_is_no_verdict(void **state)
{
	static const char *const wrong[] = { "", "11", "1111111111111" };
	bool verdict;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		pthread_mutex_lock(&fake.lock);
		fake.wrong = wrong[i];
		pthread_mutex_unlock(&fake.lock);
		assert_false(ask_one("a.o", LONG_MS, &verdict));
		assert_false(verdict);
		assert_int_equal(ignore_cached("a.o"), -1);
	}
}

static void test_git_directories(void **state)
{
	char *dirs[4];

	assert_int_equal(ignore_git_dirs(dirs, 4), 2);
	assert_string_equal(dirs[0], "/r/.git/worktrees/w");
	assert_string_equal(dirs[1], "/r/.git");
	free(dirs[0]);
	free(dirs[1]);
	assert_int_equal(ignore_git_dirs(dirs, 1), 1);
	free(dirs[0]);
	expect_asked("dirs;");
	/* a repository that was not known: the list is asked for again */
	expect("sub/.git/HEAD", true);
	assert_int_equal(ignore_git_dirs(dirs, 0), 0);
	expect_asked("changed;about;ignored sub/ sub/.git/;dirs;");
}

static void *hammer(void *arg)
{
	unsigned n = *(const unsigned *)arg;

	for (int i = 0; i < 300; i++) {
		char name[32], *dirs[2];
		const char *path = name;
		bool verdict;

		snprintf(name, sizeof(name), "%u/%d.%c", i % 3 ? n : 0, i, i % 2 ? 'o' : 'c');
		if (ignore_ask(&path, 1, &verdict, LONG_MS) && verdict != (i % 2))
			return arg;
		if (ignore_cached(name) == !(i % 2))
			return arg;
		if (i % 10 == 0)
			ignore_path_changed(".gitignore");
		if (i % 25 == 0) {
			for (size_t k = ignore_git_dirs(dirs, 2); k; k--)
				free(dirs[k - 1]);
		}
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	unsigned numbers[4] = { 1, 2, 3, 4 };
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &numbers[i]), 0);
	for (int i = 0; i < 4; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_asks_once),
		TEST(test_an_ignored_directory_answers_for_what_is_in_it),
		TEST(test_one_question_for_many),
		TEST(test_more_than_one_question_holds),
		TEST(test_gits_own_files_need_no_answer),
		TEST(test_rules_are_read_anew_before_the_next_question),
		TEST(test_which_files_are_rules),
		TEST(test_a_late_answer_is_kept),
		TEST(test_a_late_answer_to_old_rules_is_not_kept),
		TEST(test_a_dead_helper_ignores_nothing),
		TEST(test_no_helper_at_all),
		TEST(test_nonsense_is_no_verdict),
		TEST(test_git_directories),
		TEST(test_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
