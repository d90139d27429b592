#include "core/outside.h"
#include "core/base/cleanup.h"
#include "core/base/path.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char top[] = "/tmp/hrfs-unit-XXXXXX";

static void put(const char *name, const char *text)
{
	AUTO_BUF path = { 0 };
	AUTO_FD fd = -1;

	buf_printf(&path, "%s/%s", top, name);
	*strrchr(path.data, '/') = '\0';
	assert_int_equal(path_make_dirs(path.data, 0755), 0);
	path.data[strlen(path.data)] = '/';
	fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void put_link(const char *name, const char *target)
{
	AUTO_BUF path = { 0 };

	buf_printf(&path, "%s/%s", top, name);
	assert_int_equal(symlink(target, path.data), 0);
}

/* "../lib go.mod, …" in their order */
static void look(struct buf *out)
{
	AUTO_OUTSIDE o = { 0 };
	AUTO_BUF root = { 0 };

	buf_printf(&root, "%s/tree", top);
	assert_int_equal(outside_find(root.data, &o), 0);
	for (size_t i = 0; i < o.dirs.count; i++) {
		buf_puts(out, i ? ", " : "");
		outside_relative(root.data, o.dirs.items[i], out);
		buf_printf(out, " %s", o.whys.items[i]);
	}
}

/* the table: a file of the tree, its text, what follows */
static void test_files(void **state)
{
	static const struct {
		const char *name, *text, *found;
	} cases[] = {
		{ "go.mod", "module x\n\nreplace a => ../lib\nreplace b v1 => github.com/c/d v2 // ../other\n", "../lib go.mod" },
		{ "go.mod", "replace (\n\ta v1.0.0 => ../lib\n\tb => ./inside\n\tc => ../gone\n)\n", "../lib go.mod" },
		{ "go.mod", "module x\n// replace a => ../lib\n", "" },
		{ "go.mod", "replace a => ../\nreplace b => .\nreplace c => ../tree/inside\n", "" },
		{ "go.work", "go 1.21\n\nuse (\n\t.\n\t../lib\n\t../other\n)\n", "../lib go.work, ../other go.work" },
		{ "go.work", "use ../lib\n", "../lib go.work" },
		{ "api/go.mod", "replace a => ../../lib\nreplace b => ../inside\n", "../lib go.mod" },
		{ "Cargo.toml", "[dependencies]\na = { path = \"../lib\" }\nb = \"1\"\n[dependencies.c]\npath = \"../other/deep\"\n",
		  "../lib Cargo.toml, ../other/deep Cargo.toml" },
		{ "Cargo.toml", "[dependencies]\na = { path = \"inside\" }\n[lib]\npath = \"../lib\"\n", "../lib Cargo.toml" },
		{ "Cargo.toml", "[[", "" },
		{ "package.json", "{\"dependencies\": {\"a\": \"file:../lib\", \"b\": \"^1.0\"}, \"devDependencies\": {\"c\": \"link:../other\"}}",
		  "../lib package.json, ../other package.json" },
		{ "package.json", "{", "" },
		{ "package.json", "[1]", "" },
		{ "package.json", "{\"dependencies\": [\"file:../lib\"]}", "" },
		{ "web/package.json", "{\"dependencies\": {\"a\": \"file:../../lib\"}}", "../lib package.json" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF name = { 0 };
		AUTO_BUF found = { 0 };

		buf_printf(&name, "tree/%s", cases[i].name);
		put(name.data, cases[i].text);
		look(&found);
		if (strcmp(buf_str(&found), cases[i].found) != 0)
			fail_msg("case %zu: %s", i, buf_str(&found));
		put(name.data, "");
	}
}

static void test_links(void **state)
{
	AUTO_BUF found = { 0 };

	put("tree/node_modules/@scope/x", "");
	put_link("tree/node_modules/a", "../../lib");
	put_link("tree/node_modules/own", "../inside");
	put_link("tree/node_modules/@scope/b", "../../../other");
	put_link("tree/shared", "../other/deep");
	put_link("tree/dangling", "../nowhere");
	put_link("tree/cached", "../.cache/x");
	look(&found);
	assert_string_equal(buf_str(&found),
			    "../lib a link in node_modules, ../other a link in node_modules, ../other/deep shared");
}

static void test_go_work_above(void **state)
{
	AUTO_BUF found = { 0 };

	put("go.work", "use ./tree\nuse ./lib\n");
	look(&found);
	assert_non_null(strstr(buf_str(&found), "../lib"));
}

static void test_names(void **state)
{
	static const struct {
		const char *root, *path, *relative, *parent;
	} cases[] = {
		{ "/a/b", "/a/c/d", "../c/d", "/a" },
		{ "/a/b", "/a/bc", "../bc", "/a" },
		{ "/a/b/c", "/a/d", "../../d", "/a" },
		{ "/a/b", "/x", "../../x", "/" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_OUTSIDE o = { 0 };
		AUTO_BUF relative = { 0 };
		AUTO_BUF parent = { 0 };

		strv_add(&o.dirs, cases[i].path);
		assert_int_equal(outside_relative(cases[i].root, cases[i].path, &relative), 0);
		assert_string_equal(buf_str(&relative), cases[i].relative);
		assert_int_equal(outside_parent(&o, cases[i].root, &parent), 0);
		assert_string_equal(buf_str(&parent), cases[i].parent);
	}
}

static int set_up(void **state)
{
	if (!mkdtemp(top))
		return -1;
	put("tree/inside/x", "");
	put("lib/x", "");
	put("other/deep/x", "");
	put(".cache/x/y", "");
	return 0;
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
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_go_work_above),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
