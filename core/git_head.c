#include "core/git_head.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX (64UL * 1024)
#define PACKED_MAX (64UL * 1024 * 1024)
#define LINKS_MAX 5 /* as git itself follows */

struct repository {
	struct buf dir, common; /* of a work tree of its own, and what all of them share */
};

static void repository_done(struct repository *r)
{
	buf_done(&r->dir);
	buf_done(&r->common);
}

void git_head_done(struct git_head *h)
{
	free(h->commit);
	strv_done(&h->dirs);
	*h = (struct git_head){ 0 };
}

/* ---- its files ---- */

/* without the newline */
static int read_text(const char *dir, const char *name, size_t max_bytes, struct buf *out)
{
	AUTO_BUF path = { 0 };
	int r = path_join(&path, dir, name);

	if (r == 0)
		r = file_read_path(buf_str(&path), max_bytes, out);
	while (r == 0 && out->len && out->data[out->len - 1] == '\n')
		buf_truncate(out, out->len - 1);
	return r;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int find_dir(const char *top, struct buf *out)
{
	static const char word[] = "gitdir: ";
	AUTO_BUF text = { 0 };
	AUTO_BUF path = { 0 };
	int r = path_join(&path, top, ".git");

	if (r < 0)
		return r;
	if (is_directory(buf_str(&path)))
		return buf_puts(out, buf_str(&path));
	r = read_text(top, ".git", TEXT_MAX, &text);
	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	if (strncmp(buf_str(&text), word, strlen(word)) != 0)
		return -ENOENT;
	return path_absolute(out, top, buf_str(&text) + strlen(word));
}

static int find_repository(const char *top, struct repository *out)
{
	AUTO_BUF text = { 0 };
	int r = find_dir(top, &out->dir);

	if (r < 0)
		return r;
	r = read_text(buf_str(&out->dir), "commondir", TEXT_MAX, &text);
	if (r == -ENOENT)
		return buf_puts(&out->common, buf_str(&out->dir));
	return r < 0 ? r : path_absolute(&out->common, buf_str(&out->dir), buf_str(&text));
}

/* ---- what a name stands for ---- */

/* "COMMIT NAME" is a line of it */
static int find_packed(const struct repository *r, const char *name, struct buf *out)
{
	AUTO_BUF text = { 0 };
	size_t len = strlen(name);
	int e = read_text(buf_str(&r->common), "packed-refs", PACKED_MAX, &text);

	if (e < 0)
		return e;
	for (const char *line = buf_str(&text); *line;) {
		size_t end = strcspn(line, "\n");

		if (end > len + 1 && line[end - len - 1] == ' ' && memcmp(line + end - len, name, len) == 0)
			return buf_put(out, line, end - len - 1);
		line += end + (line[end] != '\0');
	}
	return -ENOENT;
}

static int find_loose(const struct repository *r, const char *name, struct buf *out)
{
	int e = read_text(buf_str(&r->dir), name, TEXT_MAX, out);

	return e == -ENOENT ? read_text(buf_str(&r->common), name, TEXT_MAX, out) : e;
}

static int add_directory_of(const struct repository *r, const char *name, struct strv *dirs)
{
	AUTO_BUF path = { 0 };
	int e = path_join(&path, buf_str(&r->common), name);

	while (e == 0 && path.len > r->common.len) {
		buf_truncate(&path, (size_t)(strrchr(buf_str(&path), '/') - buf_str(&path)));
		if (is_directory(buf_str(&path)))
			break;
	}
	return e < 0 || strv_has(dirs, buf_str(&path)) ? e : strv_add(dirs, buf_str(&path));
}

/* the tables tell of any branch, which is too much rather than too little */
static int add_tables(const char *dir, struct git_head *out, struct buf *text)
{
	AUTO_BUF path = { 0 };
	int r = path_join(&path, dir, "reftable");

	if (r < 0 || !is_directory(buf_str(&path)) || strv_has(&out->dirs, buf_str(&path)))
		return r;
	r = strv_add(&out->dirs, buf_str(&path));
	return r < 0 ? r : read_text(buf_str(&path), "tables.list", TEXT_MAX, text);
}

static int follow(const struct repository *r, struct git_head *out, struct buf *text)
{
	static const char word[] = "ref: ";
	int e = read_text(buf_str(&r->dir), "HEAD", TEXT_MAX, text);

	for (int i = 0; e == 0 && i < LINKS_MAX && strncmp(buf_str(text), word, strlen(word)) == 0; i++) {
		AUTO_BUF name = { 0 };
		AUTO_BUF found = { 0 };

		e = buf_puts(&name, buf_str(text) + strlen(word));
		if (e == 0)
			e = add_directory_of(r, buf_str(&name), &out->dirs);
		if (e == 0)
			e = find_loose(r, buf_str(&name), &found);
		if (e == -ENOENT || e == -ENOTDIR || e == -EISDIR || e == -EINVAL)
			e = find_packed(r, buf_str(&name), &found);
		if (e == -ENOENT)
			return 0; /* not born yet */
		if (e == 0) {
			buf_truncate(text, 0);
			e = buf_puts(text, buf_str(&found));
		}
	}
	return e;
}

int git_head_find(const char *top, struct git_head *out)
{
	AUTO_DONE(repository) struct repository repository = { 0 };
	AUTO_GIT_HEAD h = { 0 };
	AUTO_BUF text = { 0 };
	int r = find_repository(top, &repository);

	if (r == 0)
		r = strv_add(&h.dirs, buf_str(&repository.dir));
	if (r == 0 && !strv_has(&h.dirs, buf_str(&repository.common)))
		r = strv_add(&h.dirs, buf_str(&repository.common));
	if (r == 0)
		r = follow(&repository, &h, &text);
	if (r == 0)
		r = add_tables(buf_str(&repository.dir), &h, &text);
	if (r == 0)
		r = add_tables(buf_str(&repository.common), &h, &text);
	if (r < 0)
		return r;
	h.commit = strdup(buf_str(&text));
	if (!h.commit)
		return -ENOMEM;
	*out = h;
	h = (struct git_head){ 0 };
	return 0;
}

int git_head_find_around(const char *dir, struct git_head *out)
{
	AUTO_BUF path = { 0 };
	int r = buf_puts(&path, dir);

	while (r == 0) {
		const char *slash;

		r = git_head_find(path.len ? buf_str(&path) : "/", out);
		if (r != -ENOENT || !path.len)
			return r;
		slash = strrchr(buf_str(&path), '/');
		if (!slash)
			return -ENOENT;
		buf_truncate(&path, (size_t)(slash - buf_str(&path)));
		r = 0;
	}
	return r;
}
