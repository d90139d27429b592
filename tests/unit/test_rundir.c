#include "core/rundir.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static char top[] = "/tmp/hrfs-unit-XXXXXX";
static char own[64];

static void test_own(void **unused)
{
	AUTO_BUF dir = { 0 };
	struct stat st;

	assert_int_equal(rundir_own(&dir), 0);
	assert_string_equal(buf_str(&dir), own);
	assert_int_equal(stat(own, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	buf_truncate(&dir, 0);
	assert_int_equal(rundir_own(&dir), 0); /* it is there already */
}

static void test_not_safe(void **unused)
{
	AUTO_BUF dir = { 0 };

	assert_int_equal(chmod(own, 0722), 0);
	assert_int_equal(rundir_own(&dir), -EPERM);
	assert_int_equal(rmdir(own), 0);
	assert_int_equal(symlink(top, own), 0);
	buf_truncate(&dir, 0);
	assert_int_equal(rundir_own(&dir), -EPERM);
	unlink(own);
}

/* The user's own directory first; root sees everybody's at last, others stop after /tmp. */
static void test_search_order(void **unused)
{
	AUTO_BUF dir = { 0 };
	char fallback[64];

	assert_int_equal(rundir_nth(0, &dir), 0);
	assert_string_equal(buf_str(&dir), own);
	buf_truncate(&dir, 0);
	assert_int_equal(rundir_nth(1, &dir), 0);
	assert_string_equal(buf_str(&dir), "/run/hrfs");
	buf_truncate(&dir, 0);
	if (geteuid() != 0) {
		snprintf(fallback, sizeof(fallback), "/tmp/hrfs-%u/hrfs", geteuid());
		assert_int_equal(rundir_nth(2, &dir), 0);
		assert_string_equal(buf_str(&dir), fallback);
	}
	for (unsigned n = 3; n < 10000; n++) {
		buf_truncate(&dir, 0);
		if (rundir_nth(n, &dir) == -ENOENT)
			return;
	}
	fail_msg("the search has no end");
}

/* Without a directory of one's own; sudo leaves another user's in the environment, which does not count. */
static void test_environment(void **unused)
{
	static const char *const values[] = { "", "relative", "/nowhere/at/all" };
	AUTO_BUF dir = { 0 };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		setenv("XDG_RUNTIME_DIR", values[i], 1);
		buf_truncate(&dir, 0);
		assert_int_equal(rundir_nth(0, &dir), 0);
		assert_string_equal(buf_str(&dir), "/run/hrfs");
	}
	if (geteuid() == 0) {
		setenv("XDG_RUNTIME_DIR", top, 1);
		assert_int_equal(chown(top, 12345, 0), 0);
		buf_truncate(&dir, 0);
		assert_int_equal(rundir_nth(0, &dir), 0);
		assert_string_equal(buf_str(&dir), "/run/hrfs");
		assert_int_equal(chown(top, 0, 0), 0);
	}
	setenv("XDG_RUNTIME_DIR", top, 1);
}

static void test_file(void **unused)
{
	AUTO_BUF file = { 0 };

	assert_int_equal(rundir_file(&file, "/run/hrfs", makedev(0, 57), "sock"), 0);
	assert_string_equal(buf_str(&file), "/run/hrfs/0:57.sock");
}

static int set_up(void **unused)
{
	if (!mkdtemp(top))
		return -1;
	snprintf(own, sizeof(own), "%s/hrfs", top);
	return setenv("XDG_RUNTIME_DIR", top, 1);
}

static int tear_down(void **unused)
{
	rmdir(own);
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),	     cmocka_unit_test(test_not_safe),
		cmocka_unit_test(test_search_order), cmocka_unit_test(test_environment),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
