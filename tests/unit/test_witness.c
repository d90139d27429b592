#include "supervisor/witness.h"
#include "core/base/cleanup.h"
#include "supervisor/readset.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/resource.h>

static char top[] = "/tmp/hrfs-unit-XXXXXX";
static int dir, group;
static uv_loop_t loop;
static unsigned opened, lost, last_how;
static char last[64];

static void on_opened(const char *path, unsigned how, pid_t pid, void *arg)
{
	opened++;
	last_how = how;
	snprintf(last, sizeof(last), "%s", path);
	assert_int_equal(pid, getpid());
}

static void on_lost(void *arg)
{
	lost++;
}

static const struct witness_events events = { .opened = on_opened, .lost = on_lost };

static void open_file(unsigned number, int flags)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%u", number);
	fd = openat(dir, name, flags | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* A group as hrfs-job makes it, but for the length of its queue, and of one directory. */
static struct witness *begin(void)
{
	struct witness *w;
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN | FAN_ONDIR | FAN_EVENT_ON_CHILD, dir, "."), 0);
	opened = lost = 0;
	group = fd;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(witness_new(&loop, fd, top, &events, NULL, &w), 0);
	return w;
}

static void end(struct witness *w)
{
	witness_free(w);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_what_is_told(void **state)
{
	struct witness *w = begin();
	int fd;

	open_file(0, O_RDWR | O_CREAT);
	witness_drain(w);
	assert_int_equal(opened, 1);
	assert_string_equal(last, "0");
	assert_int_equal(last_how, READ_CONTENT);
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(fd);
	witness_drain(w);
	assert_string_equal(last, "");
	assert_int_equal(last_how, READ_LISTED);
	/* by the name that it had */
	open_file(0, O_RDONLY);
	assert_int_equal(unlinkat(dir, "0", 0), 0);
	witness_drain(w);
	assert_string_equal(last, "0");
	assert_int_equal(lost, 0);
	end(w);
}

/* More than the kernel keeps, while nobody reads: that is said, and not taken for all. */
static void test_overflow(void **state)
{
	struct witness *w = begin();
	unsigned limit = 16384, count;
	FILE *f = fopen("/proc/sys/fs/fanotify/max_queued_events", "re");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &limit), 1);
	fclose(f);
	if (limit > 100000) {
		end(w);
		skip(); /* too many files to make */
	}
	count = limit + 100;
	for (unsigned i = 0; i < count; i++)
		open_file(i, O_RDWR | O_CREAT);
	witness_drain(w);
	assert_int_equal(opened, limit);
	assert_int_equal(lost, 1);
	/* and it goes on */
	opened = 0;
	open_file(1, O_RDONLY);
	witness_drain(w);
	assert_int_equal(opened, 1);
	end(w);
	for (unsigned i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		unlinkat(dir, name, 0);
	}
}

/* Where no descriptor is left for what an event tells of, that is lost, and said. */
static void test_no_descriptors(void **state)
{
	struct witness *w = begin();
	struct rlimit was, none;

	open_file(0, O_RDWR | O_CREAT);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ .rlim_cur = (rlim_t)group, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	witness_drain(w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(opened, 0);
	assert_true(lost > 0);
	end(w);
}

static int set_up(void **state)
{
	if (!mkdtemp(top))
		return -1;
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[64];

	close(dir);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_told),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_no_descriptors),
	};
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);

	if (fd < 0 && errno == EPERM)
		return 77; /* takes root */
	close(fd);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
