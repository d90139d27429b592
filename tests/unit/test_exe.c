/* Where the other executables are: of a build tree, of an installation, or where the environment says. */
#include "core/base/exe.h"
#include "core/base/path.h"
#include "hrfs-config.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char top[] = "/tmp/hrfs-unit-XXXXXX";

static void put_executable(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	close(fd);
}

static void test_environment(void **unused)
{
	AUTO_BUF out = { 0 };
	char path[64];

	setenv("HRFS_LIBEXECDIR", top, 1);
	snprintf(path, sizeof(path), "%s/hrfs-fs", top);
	assert_int_equal(exe_find("hrfs-fs", &out), -ENOENT);
	assert_string_equal(buf_str(&out), path); /* for the message */
	put_executable(path);
	assert_int_equal(exe_find("hrfs-fs", &out), 0);
	assert_string_equal(buf_str(&out), path);
	chmod(path, 0644);
	assert_int_equal(exe_find("hrfs-fs", &out), -ENOENT);
	unlink(path);
	unsetenv("HRFS_LIBEXECDIR");
}

/* a copy of this program at `self`, asked for `name`: "STATUS PATH" */
static void ask(const char *self, const char *name, char *answer, size_t size)
{
	AUTO_BUF command = { 0 };
	FILE *f;
	size_t n;

	buf_printf(&command, "cp /proc/%d/exe %s && HRFS_LIBEXECDIR= HRFS_TEST_ASK=%s %s", (int)getpid(), self, name,
		   self);
	f = popen(buf_str(&command), "re");
	assert_non_null(f);
	n = fread(answer, 1, size - 1, f);
	answer[n] = '\0';
	pclose(f);
	unlink(self);
}

static void in_tree(const char *below, const char *name, const char *expected_below)
{
	char dir[128], self[160], answer[512], expected[512], found[160];

	snprintf(dir, sizeof(dir), "%s/build/%s", top, below);
	snprintf(self, sizeof(self), "%s/me", dir);
	assert_int_equal(path_make_dirs(dir, 0700), 0);
	snprintf(found, sizeof(found), "%s/build/%s/%s", top, expected_below, name);
	ask(self, name, answer, sizeof(answer));
	snprintf(expected, sizeof(expected), "%d %s", -ENOENT, found);
	assert_string_equal(answer, expected);
	snprintf(dir, sizeof(dir), "%s/build/%s", top, expected_below);
	assert_int_equal(path_make_dirs(dir, 0700), 0);
	put_executable(found);
	ask(self, name, answer, sizeof(answer));
	snprintf(expected, sizeof(expected), "0 %s", found);
	assert_string_equal(answer, expected);
	unlink(found);
}

static void test_build_tree(void **unused)
{
	char mark[64], self[64], answer[512], expected[512];

	/* without the build tree's mark it is an installed one */
	snprintf(self, sizeof(self), "%s/me", top);
	ask(self, "hrfs-fs", answer, sizeof(answer));
	snprintf(expected, sizeof(expected), "%d %s/hrfs-fs", access(HRFS_LIBEXECDIR "/hrfs-fs", X_OK) ? -ENOENT : 0,
		 HRFS_LIBEXECDIR);
	assert_string_equal(answer, expected);
	snprintf(mark, sizeof(mark), "%s/build/meson-private", top);
	assert_int_equal(path_make_dirs(mark, 0700), 0);
	in_tree("cli", "hrfs-fs", "fs");
	in_tree("cli", "hrfs-supervisor", "supervisor");
	in_tree("fs", "hrfs-git", "fs/git");
	in_tree("fs/git", "hrfs-fs", "fs");
	in_tree("supervisor", "hrfs-job", "supervisor/job");
	in_tree("supervisor", "hrfs", "cli");
}

static int remove_all(void **unused)
{
	AUTO_BUF command = { 0 };

	buf_printf(&command, "rm -rf %s", top);
	return system(buf_str(&command));
}

static int make_top(void **unused)
{
	return mkdtemp(top) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_build_tree),
	};
	const char *name = getenv("HRFS_TEST_ASK");

	if (name) {
		AUTO_BUF out = { 0 };
		int r = exe_find(name, &out);

		printf("%d %s", r, buf_str(&out));
		return 0;
	}
	return cmocka_run_group_tests(tests, make_top, remove_all);
}
