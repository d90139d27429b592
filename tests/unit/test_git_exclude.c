#include "core/git_exclude.h"
#include "core/git_exclude_text.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TMP "/tmp/hrfs-exclude-XXXXXX"

/* ---- the text alone ---- */

static bool chosen(const char *mountpoint, const void *arg)
{
	return strcmp(mountpoint, arg) == 0 || strcmp(arg, "*") == 0;
}

static void expect_pattern(const char *relative, const char *expected)
{
	AUTO_BUF out = { 0 };

	assert_int_equal(exclude_text_pattern(&out, relative), 0);
	assert_string_equal(buf_str(&out), expected);
}

static void test_pattern_names_one_directory(void **state)
{
	AUTO_BUF out = { 0 };

	expect_pattern("mnt", "/mnt/");
	expect_pattern("a b/#c/!d ", "/a b/#c/!d /");
	expect_pattern("a*?[x]\\", "/a\\*\\?\\[x]\\\\/");
	assert_int_equal(exclude_text_pattern(&out, "a\nb"), -EINVAL);
	assert_int_equal(out.len, 0);
}

/* Adding one and removing it must give back what was there, to the byte. */
static void test_remove_undoes_add(void **state)
{
	static const char *const texts[] = { "",	 "x\n",	  "x",	 "\n", "# hrfs\n", "# hrfs: mounted at \n",
					     "a\n\nb\n", "a\r\n", "x\\ " };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO_BUF text = { 0 };
		bool made;

		buf_puts(&text, texts[i]);
		assert_int_equal(exclude_text_add(&text, false, "/w/mnt", "/mnt/"), 0);
		assert_non_null(strstr(text.data, "\n/mnt/\n"));
		assert_int_equal(exclude_text_remove(&text, chosen, "/w/mnt", &made), 1);
		assert_string_equal(text.data, texts[i]);
		assert_false(made);
		assert_int_equal(exclude_text_remove(&text, chosen, "/w/mnt", &made), 0);
	}
}

/* Two mounts, taken away in either order; what the first one remembers must not be lost with it. */
static void check_order(const char *before, bool new_file, const char *first, const char *second)
{
	AUTO_BUF text = { 0 };
	bool made = false, made_then = false;

	buf_puts(&text, before);
	exclude_text_add(&text, new_file, "/w/a", "/a/");
	exclude_text_add(&text, false, "/w/b", "/b/");
	assert_int_equal(exclude_text_remove(&text, chosen, first, &made), 1);
	assert_false(made);
	assert_int_equal(exclude_text_remove(&text, chosen, second, &made_then), 1);
	assert_string_equal(text.data, before);
	assert_int_equal(made_then, new_file);
}

static void test_mounts_end_in_any_order(void **state)
{
	static const char *const before[] = { "x", "x\n", "" };

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		check_order(before[i], !*before[i], "/w/a", "/w/b");
		check_order(before[i], !*before[i], "/w/b", "/w/a");
	}
}

static void test_what_a_user_adds_stays(void **state)
{
	AUTO_BUF text = { 0 };
	bool made;

	buf_puts(&text, "x");
	exclude_text_add(&text, false, "/w/a", "/a/");
	buf_puts(&text, "mine\n");
	assert_int_equal(exclude_text_remove(&text, chosen, "*", &made), 1);
	assert_string_equal(text.data, "x\nmine\n");
}

/* The line behind our comment is ours only when it is the pattern for that mountpoint. */
static void test_a_line_of_somebody_else_stays(void **state)
{
	AUTO_BUF text = { 0 };
	bool made;

	buf_puts(&text, "# hrfs: mounted at /w/a\n/other/\n# hrfs: mounted at /w/b\n");
	assert_int_equal(exclude_text_remove(&text, chosen, "*", &made), 2);
	assert_string_equal(text.data, "/other/\n");
}

static void test_escaped_pattern_is_removed(void **state)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF pattern = { 0 };
	bool made;

	exclude_text_pattern(&pattern, "d/[x]*\\");
	exclude_text_add(&text, true, "/w/d/[x]*\\", pattern.data);
	assert_int_equal(exclude_text_remove(&text, chosen, "*", &made), 1);
	assert_int_equal(text.len, 0);
	assert_true(made);
}

static void test_bytes_that_are_no_text(void **state)
{
	AUTO_BUF text = { 0 };
	bool made;

	buf_put(&text, "a\0b\n\xff", 5);
	exclude_text_add(&text, false, "/w/a", "/a/");
	assert_int_equal(exclude_text_remove(&text, chosen, "*", &made), 1);
	assert_int_equal(text.len, 5);
	assert_memory_equal(text.data, "a\0b\n\xff", 5);
}

/* ---- the file ---- */

struct place {
	char top[sizeof(TMP)];
	char info[64], file[64];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->top, TMP);
	if (!mkdtemp(p->top))
		return -1;
	snprintf(p->info, sizeof(p->info), "%s/info", p->top);
	snprintf(p->file, sizeof(p->file), "%s/info/exclude", p->top);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", p->top);
	free(p);
	return system(command);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void expect_file(const char *path, const char *expected)
{
	char text[4096] = "";
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, expected);
}

#define ENTRY(before, path) "# hrfs" before ": mounted at " path "\n" path "/\n"

static void test_file_is_made_and_removed(void **state)
{
	struct place *p = *state;

	assert_int_equal(git_exclude_remove(p->file, "/proc"), 0);
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), 1);
	expect_file(p->file, ENTRY(" (new file)", "/proc"));
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), 0);
	assert_int_equal(git_exclude_add(p->file, "/", "/dev"), 1);
	assert_int_equal(git_exclude_remove(p->file, "/proc"), 1);
	expect_file(p->file, ENTRY(" (new file)", "/dev"));
	assert_int_equal(git_exclude_remove(p->file, "/dev"), 1);
	assert_int_equal(access(p->file, F_OK), -1);
}

static void test_an_empty_file_of_a_user_stays(void **state)
{
	struct place *p = *state;

	mkdir(p->info, 0755);
	write_file(p->file, "");
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), 1);
	assert_int_equal(git_exclude_remove(p->file, "/proc"), 1);
	expect_file(p->file, "");
}

static void test_mode_stays(void **state)
{
	struct place *p = *state;
	struct stat st;

	mkdir(p->info, 0755);
	write_file(p->file, "x");
	chmod(p->file, 0640);
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), 1);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(git_exclude_remove(p->file, "/proc"), 1);
	expect_file(p->file, "x");
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

/* What a crash has left is taken out by the next mount, what is mounted stays. */
static void test_dead_mounts_are_cleaned(void **state)
{
	struct place *p = *state;

	mkdir(p->info, 0755);
	write_file(p->file, "a\n" ENTRY("", "/nothing/here") ENTRY("", "/dev") "b\n");
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), 1);
	expect_file(p->file, "a\n" ENTRY("", "/dev") "b\n" ENTRY("", "/proc"));
	write_file(p->file, ENTRY(" (new file)", "/nothing/here"));
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), 1);
	expect_file(p->file, ENTRY(" (new file)", "/proc"));
}

static void test_a_link_stays_a_link(void **state)
{
	struct place *p = *state;
	char elsewhere[64];
	struct stat st;

	mkdir(p->info, 0755);
	snprintf(elsewhere, sizeof(elsewhere), "%s/mine", p->top);
	write_file(elsewhere, "x\n");
	assert_int_equal(symlink("../mine", p->file), 0);
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), 1);
	expect_file(elsewhere, "x\n" ENTRY("", "/proc"));
	assert_int_equal(lstat(p->file, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void test_refusals(void **state)
{
	struct place *p = *state;
	char missing[64];

	assert_int_equal(git_exclude_add(p->file, "/elsewhere", "/proc"), -EINVAL);
	assert_int_equal(git_exclude_add(p->file, "/", "/a\nb"), -EINVAL);
	snprintf(missing, sizeof(missing), "%s/no/info/exclude", p->top);
	assert_int_equal(git_exclude_add(missing, "/", "/proc"), -ENOENT);
	mkdir(p->info, 0755);
	mkdir(p->file, 0755);
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), -EINVAL);
}

/* Root must not write where the repository's owner could not: a link that leads out of it. */
static void test_root_has_the_owners_rights_only(void **state)
{
	struct place *p = *state;
	char roots[64], target[64];

	if (geteuid() != 0)
		skip();
	snprintf(roots, sizeof(roots), "%s/roots", p->top);
	snprintf(target, sizeof(target), "%s/roots/file", p->top);
	mkdir(roots, 0755);
	write_file(target, "x\n");
	mkdir(p->info, 0755);
	assert_int_equal(symlink(target, p->file), 0);
	assert_int_equal(chown(p->top, 65534, 65534) | chown(p->info, 65534, 65534), 0);
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), -EACCES);
	expect_file(target, "x\n");
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(git_exclude_add(p->file, "/", "/proc"), 1);
	assert_int_equal(geteuid(), 0);
	write_file(target, "still root\n");
}

/* Many at once: each must find its own entry again, and the file must be as before. */
static void test_at_once(void **state)
{
	static const char *const mounts[] = { "/proc", "/dev", "/sys" };
	struct place *p = *state;

	mkdir(p->info, 0755);
	write_file(p->file, "x");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		if (fork() == 0) {
			for (int n = 0; n < 20; n++) {
				if (git_exclude_add(p->file, "/", mounts[i]) != 1 ||
				    git_exclude_remove(p->file, mounts[i]) != 1)
					_exit(1);
			}
			_exit(0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	expect_file(p->file, "x");
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pattern_names_one_directory),
		cmocka_unit_test(test_remove_undoes_add),
		cmocka_unit_test(test_mounts_end_in_any_order),
		cmocka_unit_test(test_what_a_user_adds_stays),
		cmocka_unit_test(test_a_line_of_somebody_else_stays),
		cmocka_unit_test(test_escaped_pattern_is_removed),
		cmocka_unit_test(test_bytes_that_are_no_text),
		FILE_TEST(test_file_is_made_and_removed),
		FILE_TEST(test_an_empty_file_of_a_user_stays),
		FILE_TEST(test_mode_stays),
		FILE_TEST(test_dead_mounts_are_cleaned),
		FILE_TEST(test_a_link_stays_a_link),
		FILE_TEST(test_refusals),
		FILE_TEST(test_root_has_the_owners_rights_only),
		FILE_TEST(test_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
