#include "core/base/mountpoint.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/hrfs-unit-XXXXXX";

static const char *in_top(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void test_links_are_not_followed(void **unused)
{
	struct stat by_path, held;
	int fd;

	assert_int_equal(mkdir(in_top("d"), 0700), 0);
	assert_int_equal(mkdir(in_top("d/mnt"), 0700), 0);
	assert_int_equal(symlink("d", in_top("link")), 0);
	assert_int_equal(symlink("mnt", in_top("d/last")), 0);
	fd = mountpoint_open(in_top("d/mnt"));
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &held), 0);
	assert_int_equal(stat(in_top("d/mnt"), &by_path), 0);
	assert_int_equal(held.st_ino, by_path.st_ino);
	close(fd);
	assert_int_equal(mountpoint_open(in_top("link/mnt")), -ELOOP);
	assert_int_equal(mountpoint_open(in_top("d/last")), -ELOOP);
	assert_int_equal(mountpoint_open(in_top("d/none")), -ENOENT);
	assert_int_equal(mountpoint_unmount(in_top("link/mnt"), 0), -ELOOP);
	/* what is no mount: only root is told so */
	assert_int_equal(mountpoint_unmount(in_top("d/mnt"), 0), geteuid() ? -EPERM : -EINVAL);
	assert_int_equal(mountpoint_unmount("mnt", 0), -EINVAL);
	rmdir(in_top("d/mnt"));
	unlink(in_top("d/last"));
	rmdir(in_top("d"));
	unlink(in_top("link"));
	rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_links_are_not_followed) };

	return mkdtemp(top) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
