#include "supervisor/seen.h"
#include "core/base/cleanup.h"
#include "supervisor/readset.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char top[] = "/tmp/hrfs-unit-XXXXXX";
static int root;

static void write_file(const char *name, const char *text)
{
	AUTO_FD fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static struct seen look(const char *path, unsigned how, const struct seen *before)
{
	struct seen s;

	seen_look(root, path, how, before, &s);
	return s;
}

/* is it as it was, for who has read it so? */
static bool is_same(const char *path, unsigned how, const struct seen *before)
{
	struct seen now = look(path, how, before);

	return seen_equal(before, &now);
}

static void test_files(void **state)
{
	struct seen none = look("a", READ_ABSENT, NULL), was;
	struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	assert_int_equal(none.state.kind, STATE_ABSENT);
	assert_true(is_same("a", READ_ABSENT, &none));
	write_file("a", "one");
	assert_false(is_same("a", READ_ABSENT, &none));
	was = look("a", READ_CONTENT, NULL);
	/* it may be written again at this very time: its content is looked at */
	assert_int_equal(was.inode, 0);
	write_file("a", "two");
	assert_false(is_same("a", READ_CONTENT, &was));
	write_file("a", "one");
	assert_int_equal(utimensat(root, "a", old, 0), 0);
	assert_true(is_same("a", READ_CONTENT, &was));
	assert_int_equal(fchmodat(root, "a", 0755, 0), 0);
	assert_false(is_same("a", READ_CONTENT, &was));
	assert_int_equal(unlinkat(root, "a", 0), 0);
	assert_false(is_same("a", READ_CONTENT, &was));
	assert_true(is_same("a/b", READ_ABSENT, &none));
}

/* where nothing says that it has changed, it is not read again */
static void test_stat_alone(void **state)
{
	struct seen was;
	struct stat st;

	write_file("b", "one");
	was = look("b", READ_CONTENT, NULL);
	was.state.content.lo++; /* a lie, which is found when it is read */
	was.inode = 0;
	assert_false(is_same("b", READ_CONTENT, &was));
	assert_int_equal(fstatat(root, "b", &st, 0), 0);
	was.inode = st.st_ino;
	assert_true(is_same("b", READ_CONTENT, &was));
}

static void test_listings(void **state)
{
	struct seen was, seen;

	assert_int_equal(mkdirat(root, "d", 0755), 0);
	write_file("d/x", "");
	was = look("d", READ_LISTED, NULL);
	seen = look("d", READ_SEEN, NULL);
	write_file("d/x", "another content");
	write_file("d/.x.swp", "");
	assert_true(is_same("d", READ_LISTED, &was));
	write_file("d/y", "");
	assert_false(is_same("d", READ_LISTED, &was));
	assert_true(is_same("d", READ_SEEN, &seen));
	assert_int_equal(unlinkat(root, "d/y", 0), 0);
	assert_true(is_same("d", READ_LISTED, &was));
	assert_int_equal(unlinkat(root, "d/x", 0), 0);
	assert_int_equal(unlinkat(root, "d/.x.swp", 0), 0);
	assert_false(is_same("d", READ_LISTED, &was));
	assert_int_equal(unlinkat(root, "d", AT_REMOVEDIR), 0);
	assert_false(is_same("d", READ_SEEN, &seen));
	was = look("", READ_LISTED, NULL);
	write_file("new", "");
	assert_false(is_same("", READ_LISTED, &was));
}

static void test_links_and_others(void **state)
{
	struct seen was;

	assert_int_equal(symlinkat("one", root, "l"), 0);
	was = look("l", READ_SEEN, NULL);
	assert_int_equal(was.state.kind, STATE_SYMLINK);
	assert_true(is_same("l", READ_SEEN, &was));
	assert_int_equal(unlinkat(root, "l", 0), 0);
	assert_int_equal(symlinkat("two", root, "l"), 0);
	assert_false(is_same("l", READ_SEEN, &was));
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	was = look("fifo", READ_CONTENT, NULL);
	assert_true(is_same("fifo", READ_CONTENT, &was));
	was = seen_nothing();
	assert_false(seen_equal(&was, &was));
}

static void test_large(void **state)
{
	AUTO_FD fd = openat(root, "large", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct seen was;

	assert_int_equal(ftruncate(fd, SEEN_MAX_BYTES + 1), 0);
	was = look("large", READ_CONTENT, NULL);
	assert_false(was.state.hashed);
	assert_true(is_same("large", READ_CONTENT, &was));
	assert_int_equal(ftruncate(fd, SEEN_MAX_BYTES + 2), 0);
	assert_false(is_same("large", READ_CONTENT, &was));
}

static int set_up(void **state)
{
	if (!mkdtemp(top))
		return -1;
	root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[64];

	close(root);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),		 cmocka_unit_test(test_stat_alone), cmocka_unit_test(test_listings),
		cmocka_unit_test(test_links_and_others), cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
