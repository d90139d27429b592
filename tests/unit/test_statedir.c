#include "core/statedir.h"
#include "core/base/cleanup.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char top[] = "/tmp/hrfs-unit-XXXXXX";

static char *place(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void assert_holds(int dir, const char *name, const char *text)
{
	AUTO_BUF data = { 0 };

	assert_int_equal(statedir_read(dir, name, 1000, &data), 0);
	assert_string_equal(buf_str(&data), text);
}

static void test_files(void **state)
{
	AUTO_FD none = statedir_open("x", false);
	AUTO_FD dir = statedir_open("x", true);
	AUTO_BUF data = { 0 };
	struct stat st;

	assert_int_equal(none, -ENOENT);
	assert_int_equal(statedir_read(dir, "a", 10, &data), -ENOENT);
	assert_int_equal(statedir_write(dir, "a", "one", 3), 0);
	assert_int_equal(statedir_write(dir, "a", "two", 3), 0);
	assert_holds(dir, "a", "two");
	assert_int_equal(statedir_read(dir, "a", 2, &data), -EFBIG);
	assert_int_equal(stat(place("hrfs/x/a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(place("hrfs/x"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

/* No link is followed, neither to what is read nor to what is written, and nobody else's is believed. */
static void test_not_ours(void **state)
{
	AUTO_FD dir = statedir_open("x", true);
	AUTO_BUF data = { 0 };

	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_int_equal(statedir_write(dir, "a", "one", 3), 0);
	assert_int_equal(statedir_read(dir, "link", 10, &data), -EPERM);
	assert_int_equal(statedir_write(dir, "link", "two", 3), 0); /* in its place */
	assert_holds(dir, "a", "one");
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(statedir_read(dir, "fifo", 10, &data), -EPERM);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(dir, "a", 12345, 12345, 0), 0);
		assert_int_equal(statedir_read(dir, "a", 10, &data), -EPERM);
	}
	assert_int_equal(symlinkat("x", AT_FDCWD, place("hrfs/y")), 0);
	assert_true(statedir_open("y", true) < 0);
	assert_int_equal(fchmod(dir, 0770), 0);
	assert_int_equal(statedir_open("x", true), -EPERM);
	assert_int_equal(fchmod(dir, 0700), 0);
}

/* sudo with the home of its caller */
static void test_root_in_a_users_home(void **state)
{
	if (geteuid())
		return;
	assert_int_equal(mkdir(place("home"), 0755), 0);
	assert_int_equal(chown(place("home"), 12345, 12345), 0);
	setenv("XDG_STATE_HOME", place("home/.local/state"), 1);
	assert_int_equal(statedir_open("x", true), -EPERM);
	assert_int_equal(access(place("home/.local"), F_OK), -1);
	setenv("XDG_STATE_HOME", top, 1);
}

static void test_prune(void **state)
{
	AUTO_FD dir = statedir_open("p", true);
	char name[16];

	for (int i = 0; i < 10; i++) {
		struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 100 - i } };

		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(statedir_write(dir, name, "x", 1), 0);
		assert_int_equal(utimensat(dir, name, times, 0), 0);
	}
	statedir_prune(dir, 3);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(faccessat(dir, name, F_OK, 0), i < 3 ? 0 : -1);
	}
}

/* A writer that is killed at any moment leaves one of the two, whole. */
static void test_killed(void **state)
{
	enum { LEN = 200000 };
	AUTO_FD dir = statedir_open("k", true);
	AUTO_FREE char *text = malloc(LEN);

	memset(text, 'a', LEN);
	assert_int_equal(statedir_write(dir, "f", text, LEN), 0);
	for (int i = 0; i < 30; i++) {
		struct timespec pause = { .tv_nsec = 37000L * i };
		AUTO_BUF data = { 0 };
		pid_t pid = fork();

		if (pid == 0) {
			for (char c = 'a';; c = c == 'a' ? 'b' : 'a') {
				memset(text, c, LEN);
				statedir_write(dir, "f", text, LEN);
			}
		}
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(statedir_read(dir, "f", LEN, &data), 0);
		assert_int_equal(data.len, LEN);
		memset(text, data.data[0], LEN);
		assert_memory_equal(data.data, text, LEN);
	}
}

static int set_up(void **state)
{
	if (!mkdtemp(top))
		return -1;
	return setenv("XDG_STATE_HOME", top, 1);
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
		cmocka_unit_test(test_files), cmocka_unit_test(test_not_ours), cmocka_unit_test(test_root_in_a_users_home),
		cmocka_unit_test(test_prune), cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
