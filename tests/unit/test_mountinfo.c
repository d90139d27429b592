#include "core/base/mountinfo.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int count(const struct mountinfo_entry *e, void *arg)
{
	assert_true(e->id > 0);
	assert_int_equal(e->mountpoint[0], '/');
	assert_true(*e->type && *e->options);
	return ++*(int *)arg == 100000;
}

static int stop(const struct mountinfo_entry *e, void *arg)
{
	return ++*(int *)arg == 2 ? 42 : 0;
}

static void test_each(void **unused)
{
	int n = 0;

	assert_int_equal(mountinfo_each(count, &n), 0);
	assert_true(n >= 2);
	n = 0;
	assert_int_equal(mountinfo_each(stop, &n), 42);
	assert_int_equal(n, 2);
}

static void test_of_path(void **unused)
{
	struct mountinfo_entry e = { 0 };
	struct stat st;

	assert_int_equal(mountinfo_topmost("/proc", &e), 0);
	assert_string_equal(e.type, "proc");
	assert_int_equal(stat("/proc", &st), 0);
	assert_true(e.dev == st.st_dev);
	mountinfo_entry_done(&e);
	assert_int_equal(mountinfo_of_path("/proc/self/status", &e), 0);
	assert_string_equal(e.mountpoint, "/proc");
	mountinfo_entry_done(&e);
	assert_int_equal(mountinfo_of_path("/procession", &e), 0);
	assert_string_not_equal(e.mountpoint, "/proc");
	mountinfo_entry_done(&e);
	assert_int_equal(mountinfo_of_path("/", &e), 0);
	assert_string_equal(e.mountpoint, "/");
	mountinfo_entry_done(&e);
	assert_int_equal(mountinfo_topmost("/proc/self", &e), -ENOENT);
	assert_int_equal(mountinfo_of_path("relative", &e), -ENOENT);
	assert_null(e.mountpoint);
}

static void must(bool right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "%s: %m\n", what);
	_exit(1);
}

/* in a mount namespace of its own: odd names, and one mount over the other */
static void in_namespace(void)
{
	const char *dir = "/tmp/a b\\c\td\ne";
	struct mountinfo_entry e;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("first source", "/tmp", "tmpfs", 0, NULL))
		_exit(77);
	must(mkdir(dir, 0700) == 0, "mkdir");
	must(mount("one", dir, "tmpfs", MS_NOEXEC, "size=1m") == 0, "mount");
	must(mountinfo_topmost("/tmp", &e) == 0 && strcmp(e.source, "first source") == 0, "a blank in the source");
	mountinfo_entry_done(&e);
	must(mountinfo_topmost(dir, &e) == 0, "an odd name");
	must(strcmp(e.source, "one") == 0 && strcmp(e.root, "/") == 0, "source and root");
	must(strstr(e.options, "noexec") && strstr(e.options, ",rw") && strstr(e.options, "size=1024k"), "options");
	mountinfo_entry_done(&e);
	must(mount("two", dir, "tmpfs", 0, NULL) == 0, "mount over it");
	must(mountinfo_topmost(dir, &e) == 0 && strcmp(e.source, "two") == 0, "the topmost");
	mountinfo_entry_done(&e);
	must(mountinfo_of_path("/tmp/a b\\c\td\ne/x/y", &e) == 0 && strcmp(e.source, "two") == 0, "below it");
	mountinfo_entry_done(&e);
	must(umount2(dir, MNT_DETACH) == 0, "umount");
	must(mountinfo_topmost(dir, &e) == 0 && strcmp(e.source, "one") == 0, "the one below");
	mountinfo_entry_done(&e);
	_exit(0);
}

static void test_odd_mounts(void **unused)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		in_namespace();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: nothing may be mounted here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_of_path),
		cmocka_unit_test(test_odd_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
