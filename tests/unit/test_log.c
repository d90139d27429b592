#include "core/base/log.h"
#include "core/base/buf.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char dir[] = "/tmp/hrfs-unit-XXXXXX";
static char path[64], old[64];

static void read_file(const char *name, struct buf *out)
{
	AUTO_FD fd = open(name, O_RDONLY | O_CLOEXEC);
	char data[4096];
	ssize_t n;

	buf_truncate(out, 0);
	assert_true(fd >= 0);
	while ((n = read(fd, data, sizeof(data))) > 0)
		buf_put(out, data, (size_t)n);
}

static int set_up(void **unused)
{
	log_set_level(LOG_INFO);
	return log_to_file(path, 1 << 20);
}

static int tear_down(void **unused)
{
	unlink(path);
	unlink(old);
	return 0;
}

static void test_a_line(void **unused)
{
	AUTO_BUF text = { 0 };
	struct stat st;
	int year, ms;
	char level[16], rest[64];

	errno = ENOTTY;
	log_warn("event=%s n=%d", "test", 7);
	assert_int_equal(errno, ENOTTY);
	read_file(path, &text);
	assert_int_equal(sscanf(buf_str(&text), "%d-%*d-%*d %*d:%*d:%*d.%3d %15s %63[^\n]", &year, &ms, level, rest),
			 4);
	assert_true(year >= 2024);
	assert_string_equal(level, "warn");
	assert_string_equal(rest, "event=test n=7");
	assert_int_equal(text.data[text.len - 1], '\n');
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_levels(void **unused)
{
	AUTO_BUF text = { 0 };

	log_debug("nothing");
	log_set_level(LOG_ERROR);
	log_warn("nothing");
	log_info("nothing");
	log_error("something");
	log_set_level(LOG_DEBUG);
	log_debug("more");
	read_file(path, &text);
	assert_null(strstr(buf_str(&text), "nothing"));
	assert_non_null(strstr(buf_str(&text), "error something\n"));
	assert_non_null(strstr(buf_str(&text), "debug more\n"));
}

static void test_cut_off(void **unused)
{
	AUTO_BUF text = { 0 };
	char lengthy[3000];

	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	log_info("%s", lengthy);
	log_info("next");
	read_file(path, &text);
	assert_in_range(text.len, 900, 1100);
	assert_non_null(strstr(buf_str(&text), "xxx\n"));
	assert_non_null(strstr(buf_str(&text), "info next\n"));
}

static void test_rotates(void **unused)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF before = { 0 };
	struct stat st;

	assert_int_equal(log_to_file(path, 2000), 0);
	for (int i = 0; i < 100; i++)
		log_info("line %d", i);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= 2000);
	assert_int_equal(stat(old, &st), 0);
	assert_true(st.st_size <= 2000);
	read_file(path, &text);
	read_file(old, &before);
	assert_non_null(strstr(buf_str(&text), "line 99\n"));
	/* nothing is lost between the two */
	buf_puts(&before, buf_str(&text));
	assert_non_null(strstr(buf_str(&before), "line 70\n"));
	assert_non_null(strstr(buf_str(&before), "line 80\n"));
	assert_non_null(strstr(buf_str(&before), "line 90\n"));
}

/* another process has rotated the file that both write */
static void test_rotated_by_another(void **unused)
{
	AUTO_BUF text = { 0 };

	log_info("first");
	assert_int_equal(rename(path, old), 0);
	log_info("second");
	read_file(path, &text);
	assert_null(strstr(buf_str(&text), "first"));
	assert_non_null(strstr(buf_str(&text), "second"));
}

static void test_failures(void **unused)
{
	AUTO_BUF text = { 0 };
	char lengthy[5000];

	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_int_equal(log_to_file(lengthy, 1), -ENAMETOOLONG);
	assert_int_equal(log_to_file("/nowhere/log", 1), -ENOENT);
	log_info("still here");
	read_file(path, &text);
	assert_non_null(strstr(buf_str(&text), "still here"));
	/* a link that somebody has laid there is not followed */
	assert_int_equal(symlink("/tmp", old), 0);
	assert_int_equal(log_to_file(old, 1), -ELOOP);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* no room, for a part of a line and for whole ones; then there is some */
static void test_full(void **unused)
{
	AUTO_BUF text = { 0 };
	const char *said;

	signal(SIGXFSZ, SIG_IGN);
	log_info("first");
	limit_files(100);
	for (int i = 0; i < 5; i++)
		log_info("event=lost n=%d padding=%060d", i, 0);
	limit_files(RLIM_INFINITY);
	log_info("second");
	log_info("third");
	read_file(path, &text);
	assert_null(strstr(buf_str(&text), "n=1"));
	said = strstr(buf_str(&text), "warn event=log_lines_lost count=5 ");
	assert_non_null(said);
	assert_null(strstr(strchr(said, '\n'), "log_lines_lost")); /* said once */
	assert_int_equal(said[-25], '\n'); /* a line of its own */
	assert_non_null(strstr(said, "info second\n"));
	assert_non_null(strstr(said, "info third\n"));
}

static void *write_lines(void *unused)
{
	for (int i = 0; i < 500; i++)
		log_info("event=thread n=%d", i);
	return NULL;
}

static void test_threads(void **unused)
{
	AUTO_BUF text = { 0 };
	pthread_t threads[4];
	int lines = 0;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	read_file(path, &text);
	for (const char *line = buf_str(&text); *line; line = strchr(line, '\n') + 1) {
		assert_non_null(strstr(line, " info event=thread n="));
		lines++;
	}
	assert_int_equal(lines, 2000);
}

static int make_dir(void **unused)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(old, sizeof(old), "%s/log.1", dir);
	return 0;
}

static int remove_dir(void **unused)
{
	return rmdir(dir);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_line),	  T(test_levels),  T(test_cut_off), T(test_rotates), T(test_rotated_by_another),
		T(test_failures), T(test_full),	 T(test_threads),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
