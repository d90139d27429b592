#include "core/base/path.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void test_is_below(void **unused)
{
	static const struct {
		const char *path, *dir;
		bool below;
	} cases[] = {
		{ "a/b", "a", true }, { "a", "a", false },    { "ab", "a", false },   { "a/b/c", "a", true },
		{ "a", "", true },    { "", "", false },      { "", "a", false },     { "/a", "/", true },
		{ "/", "/", false },  { "/a/b", "/a", true }, { "/ab", "/a", false }, { "b/a", "a", false },

	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (path_is_below(cases[i].path, cases[i].dir) != cases[i].below)
			fail_msg("'%s' below '%s' should be %d", cases[i].path, cases[i].dir, cases[i].below);
	}
}

static void test_base(void **unused)
{
	assert_string_equal(path_base("a/b/c"), "c");
	assert_string_equal(path_base("c"), "c");
	assert_string_equal(path_base("/"), "");
	assert_string_equal(path_base(""), "");
}

static void test_join(void **unused)
{
	static const char *const cases[][3] = {
		{ "a", "b", "a/b" },  { "", "b", "b" },		 { "/", "b", "/b" },
		{ "a/", "b", "a/b" }, { "/a", "b/c", "/a/b/c" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF b = { 0 };

		assert_int_equal(path_join(&b, cases[i][0], cases[i][1]), 0);
		assert_string_equal(buf_str(&b), cases[i][2]);
	}
}

static void test_absolute(void **unused)
{
	static const char *const cases[][3] = {
		{ "/home/me", "x", "/home/me/x" },
		{ "/home/me", "/x", "/x" },
		{ "/home/me", ".", "/home/me" },
		{ "/home/me", "", "/home/me" },
		{ "/home/me", "..", "/home" },
		{ "/home/me", "../../../..", "/" },
		{ "/home/me", "../you/./z/", "/home/you/z" },
		{ "/home//me/", "a//b", "/home/me/a/b" },
		{ "/", "..a", "/..a" },
		{ "/x", "/../a/..", "/" },
		{ "/x", "a/...", "/x/a/..." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF b = { 0 };

		assert_int_equal(path_absolute(&b, cases[i][0], cases[i][1]), 0);
		assert_string_equal(buf_str(&b), cases[i][2]);
	}
}

static void test_make_dirs(void **unused)
{
	char dir[] = "/tmp/hrfs-unit-XXXXXX", path[64], file[64];
	struct stat st;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	assert_int_equal(path_make_dirs(path, 0700), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(path_make_dirs(path, 0700), 0);
	snprintf(file, sizeof(file), "%s/a/f", dir);
	f = fopen(file, "w");
	assert_non_null(f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/a/f/g", dir);
	assert_int_equal(path_make_dirs(path, 0700), -ENOTDIR);
	unlink(file);
	for (const char *below = "a/b/c"; below; below = strcmp(below, "a/b/c") == 0 ? "a/b"
							 : strcmp(below, "a/b") == 0 ? "a"
										     : NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, below);
		assert_int_equal(rmdir(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void test_editor_temporaries(void **unused)
{
	static const char *const yes[] = { "4913",  ".a.c.swp", ".x.swx",	   "a.c~",
					   ".#a.c", "#a.c#",	"a.c___jb_tmp___", "a___jb_old___" };
	static const char *const no[] = { "a.c", "49130", "a.swp", "~", ".swp",	      ".a.swpx",
					  "#a",	 "a#",	  "",	   ".", ".gitignore", "#" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!path_is_editor_temporary(yes[i]))
			fail_msg("'%s' is one", yes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		if (path_is_editor_temporary(no[i]))
			fail_msg("'%s' is none", no[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_below),  cmocka_unit_test(test_base),
		cmocka_unit_test(test_join),	  cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_make_dirs), cmocka_unit_test(test_editor_temporaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
