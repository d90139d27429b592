#include "core/git_head.h"
#include "core/base/path.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char top[] = "/tmp/hrfs-head-XXXXXX";

/* a file below top, with the directories on the way; "": a directory */
static void put(const char *name, const char *text)
{
	AUTO_BUF path = { 0 };
	AUTO_BUF dir = { 0 };
	FILE *f;

	path_join(&path, top, name);
	buf_put(&dir, buf_str(&path), path.len - strlen(path_base(buf_str(&path))));
	assert_int_equal(path_make_dirs(buf_str(&dir), 0755), 0);
	if (!*text) {
		assert_int_equal(path_make_dirs(buf_str(&path), 0755), 0);
		return;
	}
	f = fopen(buf_str(&path), "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void expect(const char *name, const char *commit, size_t dirs)
{
	AUTO_GIT_HEAD h = { 0 };
	AUTO_BUF path = { 0 };

	path_join(&path, top, name);
	assert_int_equal(git_head_find_around(buf_str(&path), &h), 0);
	assert_string_equal(h.commit, commit);
	assert_int_equal(h.dirs.count, dirs);
}

static void test_what_head_may_be(void **state)
{
	put("w/.git/HEAD", "0123\n");
	expect("w", "0123", 1);
	put("w/.git/HEAD", "ref: refs/heads/a/b\n");
	expect("w", "ref: refs/heads/a/b", 1); /* not born */
	put("w/.git/packed-refs", "# pack-refs with: peeled\n1111 refs/heads/a\n2222 refs/heads/a/b\n^3333\n4444 refs/heads/a/bc\n");
	expect("w", "2222", 1);
	put("w/.git/refs/heads/a", "");
	expect("w", "2222", 2);
	put("w/.git/refs/heads/a/b", "5555\n");
	expect("w", "5555", 2);
	put("w/.git/refs/heads/a/b", "ref: refs/heads/c\n");
	put("w/.git/refs/heads/c", "6666\n");
	expect("w", "6666", 3);
	put("w/sub/dir/x", "x");
	expect("w/sub/dir", "6666", 3);
	put("w/.git/HEAD", "ref: HEAD\n"); /* round and round */
	expect("w", "ref: HEAD", 1);
}

static void test_a_work_tree_of_its_own(void **state)
{
	put("m/.git/HEAD", "ref: refs/heads/main\n");
	put("m/.git/refs/heads/side", "7777\n");
	put("m/.git/worktrees/side/HEAD", "ref: refs/heads/side\n");
	put("m/.git/worktrees/side/commondir", "../..\n");
	put("side/.git", "gitdir: ../m/.git/worktrees/side\n");
	expect("side", "7777", 3);
}

static void test_tables(void **state)
{
	put("t/.git/HEAD", "ref: refs/heads/.invalid\n");
	put("t/.git/reftable/tables.list", "one.ref\n");
	expect("t", "ref: refs/heads/.invalidone.ref", 2);
}

static void test_none(void **state)
{
	AUTO_GIT_HEAD h = { 0 };

	put("n/.git", "something else");
	assert_int_equal(git_head_find_around(top, &h), -ENOENT);
	put("n/sub/x", "x");
	assert_null(h.commit);
}

static int set_up(void **state)
{
	return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_head_may_be),
		cmocka_unit_test(test_a_work_tree_of_its_own),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
