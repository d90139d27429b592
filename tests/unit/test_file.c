#include "core/base/file.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG 200000

static void write_file(const char *path, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < len; i++)
		fputc('a' + (int)(i % 26), f);
	assert_int_equal(fclose(f), 0);
}

static void test_read_whole(void **state)
{
	static const size_t lens[] = { 0, 1, 65535, 65536, 65537, BIG };
	char path[] = "/tmp/hrfs-file.XXXXXX";

	assert_true(close(mkstemp(path)) == 0);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		AUTO_BUF text = { 0 };

		write_file(path, lens[i]);
		assert_int_equal(buf_puts(&text, "before "), 0);
		assert_int_equal(file_read_path(path, lens[i], &text), 0);
		assert_int_equal(text.len, 7 + lens[i]);
		assert_int_equal(strlen(buf_str(&text)), text.len);
		assert_true(lens[i] == 0 || text.data[text.len - 1] == 'a' + (int)((lens[i] - 1) % 26));
	}
	unlink(path);
}

static void test_limit(void **state)
{
	char path[] = "/tmp/hrfs-file.XXXXXX";
	AUTO_BUF text = { 0 };

	assert_true(close(mkstemp(path)) == 0);
	write_file(path, BIG);
	assert_int_equal(file_read_path(path, BIG - 1, &text), -EFBIG);
	unlink(path);
}

static void test_what_is_no_file(void **state)
{
	char dir[] = "/tmp/hrfs-file.XXXXXX";
	char fifo[64];
	AUTO_BUF text = { 0 };

	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(file_read_path(dir, BIG, &text), -EINVAL);
	assert_int_equal(file_read_path(fifo, BIG, &text), -EINVAL);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(file_read_path(fifo, BIG, &text), -ENOENT);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_whole),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
