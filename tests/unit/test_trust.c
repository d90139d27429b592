#include "core/trust.h"
#include "core/base/cleanup.h"
#include "tests/unit/test.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char top[] = "/tmp/hrfs-unit-XXXXXX";
static char store[64];

static int check(const char *path, const char *content)
{
	return trust_check(path, content, strlen(content), NULL);
}

static int give(const char *path, const char *content)
{
	return trust_give(path, content, strlen(content));
}

static void test_given_for_path_and_content(void **unused)
{
	AUTO_BUF agreed = { 0 };

	assert_int_equal(check("/src/a", "run: x"), TRUST_UNKNOWN);
	assert_int_equal(give("/src/a", "run: x"), 0);
	assert_int_equal(check("/src/a", "run: x"), TRUST_GIVEN);
	assert_int_equal(check("/src/b", "run: x"), TRUST_UNKNOWN);
	assert_int_equal(trust_check("/src/a", "run: y", 6, &agreed), TRUST_CHANGED);
	assert_string_equal(buf_str(&agreed), "run: x");
	assert_int_equal(check("/src/a", "run: xx"), TRUST_CHANGED);
	assert_int_equal(check("/src/a", ""), TRUST_CHANGED);
	assert_int_equal(give("/src/a", "run: y"), 0);
	assert_int_equal(check("/src/a", "run: y"), TRUST_GIVEN);
	assert_int_equal(check("/src/a", "run: x"), TRUST_CHANGED);
}

static void test_taken_back(void **unused)
{
	assert_int_equal(give("/src/c", ""), 0);
	assert_int_equal(check("/src/c", ""), TRUST_GIVEN);
	assert_int_equal(trust_take_back("/src/c"), 0);
	assert_int_equal(check("/src/c", ""), TRUST_UNKNOWN);
	assert_int_equal(trust_take_back("/src/c"), -ENOENT);
}

static void test_content_of_any_bytes(void **unused)
{
	assert_int_equal(trust_give("/src/d", "a\0b", 3), 0);
	assert_int_equal(trust_check("/src/d", "a\0b", 3, NULL), TRUST_GIVEN);
	assert_int_equal(trust_check("/src/d", "a\0c", 3, NULL), TRUST_CHANGED);
	assert_int_equal(trust_check("/src/d", "a", 1, NULL), TRUST_CHANGED);
}

/* Nobody else may put consent there, or read it. */
static void test_store_of_others(void **unused)
{
	struct stat st;

	give("/src/e", "x");
	assert_int_equal(stat(store, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(chmod(store, 0777), 0);
	assert_int_equal(check("/src/e", "x"), -EPERM);
	assert_int_equal(give("/src/e", "x"), -EPERM);
	assert_int_equal(trust_take_back("/src/e"), -EPERM);
	assert_int_equal(chmod(store, 0700), 0);
	assert_int_equal(check("/src/e", "x"), TRUST_GIVEN);
}

/* What lies under a path's name and is of another path (or cut off) is no consent. */
static void test_entry_of_another_path(void **unused)
{
	char name[400] = "";
	DIR *d = opendir(store);
	struct dirent *e;
	int fd;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	}
	give("/src/f", "x");
	rewinddir(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.')
			snprintf(name, sizeof(name), "%s/%s", store, e->d_name);
	}
	closedir(d);
	fd = open(name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(check("/src/f", "x"), TRUST_UNKNOWN);
	assert_int_equal(write(fd, "/src/g\0x", 8), 8);
	assert_int_equal(check("/src/f", "x"), TRUST_UNKNOWN);
	close(fd);
}

static void test_limit(void **unused)
{
	size_t len = 3UL << 20;
	AUTO_FREE char *large = calloc(1, len);

	assert_int_equal(trust_give("/src/h", large, len), -EFBIG);
	assert_int_equal(check("/src/h", ""), TRUST_UNKNOWN);
}

static void test_home(void **unused)
{
	char expected[96];
	struct stat st;

	unsetenv("XDG_STATE_HOME");
	setenv("HOME", top, 1);
	assert_int_equal(give("/src/a", "x"), 0);
	snprintf(expected, sizeof(expected), "%s/.local/state/hrfs/trust", top);
	assert_int_equal(stat(expected, &st), 0);
	assert_int_equal(check("/src/a", "x"), TRUST_GIVEN);
	unsetenv("HOME");
	assert_int_equal(check("/src/a", "x"), TRUST_UNKNOWN);
	assert_int_equal(give("/src/a", "x"), -ENOENT);
	setenv("XDG_STATE_HOME", top, 1);
}

static int set_up(void **unused)
{
	if (!mkdtemp(top))
		return -1;
	snprintf(store, sizeof(store), "%s/hrfs/trust", top);
	return setenv("XDG_STATE_HOME", top, 1);
}

static int tear_down(void **unused)
{
	AUTO_BUF command = { 0 };

	buf_printf(&command, "rm -rf %s", top);
	return system(buf_str(&command));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_given_for_path_and_content),
		cmocka_unit_test(test_taken_back),
		cmocka_unit_test(test_content_of_any_bytes),
		cmocka_unit_test(test_store_of_others),
		cmocka_unit_test(test_entry_of_another_path),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_home),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
