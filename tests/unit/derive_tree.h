/* A directory of files for the tests of derive, and what must come out as hrfs.yaml. */
#pragma once
#include "core/base/path.h"
#include "core/config.h"
#include "core/derive.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct tree_file {
	const char *path, *text; /* a path that ends with a slash: a directory */
};

#define TREE_FILES 12

struct tree_case {
	const char *name;
	struct tree_file files[TREE_FILES];
	const char *yaml; /* what is derived; NULL: error is wanted */
	const char *error;
};

static char tree_root[64];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	return remove(path);
}

static void tree_remove(void)
{
	assert_int_equal(nftw(tree_root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* its last part is "site", so that names made of it are known */
static void tree_make(const struct tree_file *files, size_t count)
{
	strcpy(tree_root, "/tmp/hrfs-unit-XXXXXX");
	assert_non_null(mkdtemp(tree_root));
	strcat(tree_root, "/site");
	assert_int_equal(mkdir(tree_root, 0700), 0);
	for (size_t i = 0; i < count && files[i].path; i++) {
		AUTO_BUF path = { 0 };
		AUTO_FREE char *dir = NULL;
		AUTO_FD fd = -1;

		assert_int_equal(buf_printf(&path, "%s/%s", tree_root, files[i].path), 0);
		dir = strdup(path.data);
		assert_non_null(dir);
		*strrchr(dir, '/') = '\0';
		assert_int_equal(path_make_dirs(dir, 0700), 0);
		if (path.data[path.len - 1] == '/')
			continue;
		fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, files[i].text, strlen(files[i].text)), strlen(files[i].text));
	}
}

static void tree_done(void)
{
	*strrchr(tree_root, '/') = '\0';
	tree_remove();
}

/* what was printed must be what hrfs.yaml takes, with the same commands */
static void tree_check_yaml(const struct derived *d, const char *text, const char *name)
{
	AUTO_BUF error = { 0 };
	struct config *c;

	if (!d->count)
		return;
	if (config_parse("hrfs.yaml", text, strlen(text), &c, &error) < 0)
		fail_msg("%s: %s in\n%s", name, buf_str(&error), text);
	assert_int_equal(c->count, d->count);
	for (size_t i = 0; i < d->count; i++) {
		const struct derived_service *s = &d->services[i];
		const struct config_service *read = config_find(c, s->name);

		assert_non_null(read);
		if (s->run)
			assert_string_equal(read->run.line, s->run);
		if (s->build)
			assert_string_equal(read->build.line, s->build);
		assert_true(strv_equal(&read->watch, &s->watch));
		assert_true(strv_equal(&read->ignore, &s->ignore));
	}
	config_free(c);
}

static void tree_expect(const struct tree_case *t, int r, struct derived *d, const struct buf *error)
{
	AUTO_BUF text = { 0 };

	if (t->error) {
		assert_int_equal(r, -EINVAL);
		assert_string_equal(buf_str(error), t->error);
		return;
	}
	if (r < 0)
		fail_msg("%s: %s", t->name, buf_str(error));
	assert_int_equal(derive_print(d, &text), 0);
	if (strcmp(buf_str(&text), t->yaml) != 0)
		fail_msg("%s: derived was\n%s\nand not\n%s", t->name, buf_str(&text), t->yaml);
	tree_check_yaml(d, buf_str(&text), t->name);
	derived_done(d);
}
