#include "core/derive_parts.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/toml.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void place_path(struct derive *d, const struct place *p, const char *name, struct buf *out)
{
	if ((*name ? path_join(out, p->at, name) : buf_puts(out, p->at)) < 0)
		d->no_memory = true;
}

void place_up(struct derive *d, const struct place *p, const char *name, struct buf *out)
{
	int r = 0;

	for (const char *c = p->at; r == 0 && *c; c += strcspn(c, "/"), c += *c == '/')
		r = buf_puts(out, "../");
	if (r < 0 || buf_puts(out, name) < 0)
		d->no_memory = true;
}

static int open_name(const struct derive *d, const struct place *p, const char *name, int flags)
{
	AUTO_BUF path = { 0 };
	int r = buf_puts(&path, d->root);

	if (r == 0 && *p->at)
		r = buf_printf(&path, "/%s", p->at);
	if (r == 0 && *name)
		r = buf_printf(&path, "/%s", name);
	return r < 0 ? -1 : open(path.data, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

bool place_has(const struct derive *d, const struct place *p, const char *name)
{
	AUTO_FD fd = open_name(d, p, name, O_PATH);

	return fd >= 0;
}

bool place_has_dir(const struct derive *d, const struct place *p, const char *name)
{
	AUTO_FD fd = open_name(d, p, name, O_PATH | O_DIRECTORY);

	return fd >= 0;
}

bool place_read(struct derive *d, const struct place *p, const char *name, struct buf *out)
{
	AUTO_FD fd = open_name(d, p, name, 0);
	struct stat st;
	int r;

	buf_truncate(out, 0);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return false;
	r = file_read(fd, DERIVE_MAX_FILE, out);
	d->no_memory = d->no_memory || r == -ENOMEM;
	return r == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void place_list(struct derive *d, const struct place *p, const char *dir, struct strv *out)
{
	int fd = open_name(d, p, dir, O_DIRECTORY);
	DIR *stream = file_list(fd);
	struct dirent *e;

	if (!stream)
		return;
	while (out->count < DERIVE_MAX_NAMES && (e = readdir(stream))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strv_add(out, e->d_name) < 0)
			d->no_memory = true;
	}
	closedir(stream);
	if (out->count)
		qsort(out->items, out->count, sizeof(*out->items), by_name);
}

/* ---- text ---- */

bool next_line(char **text, char **line)
{
	size_t len = strcspn(*text, "\n");

	if (!**text)
		return false;
	*line = *text;
	*text += len + ((*text)[len] == '\n');
	(*line)[len] = '\0';
	if (len && (*line)[len - 1] == '\r')
		(*line)[len - 1] = '\0';
	return true;
}

int place_json(struct derive *d, const struct place *p, const char *name, json_t **out)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF path = { 0 };
	const char *why = "it is no object";
	const char *start;
	json_t *o;

	if (!place_read(d, p, name, &text))
		return 0;
	start = buf_str(&text);
	if (strncmp(start, "\xef\xbb\xbf", 3) == 0) /* as some Windows editors begin every file */
		start += 3;
	o = json_parse(start, strlen(start), &why);
	if (json_is_object(o)) {
		*out = o;
		return 1;
	}
	json_decref(o);
	place_path(d, p, name, &path);
	return derive_fail(d, "%s: no JSON: %s", buf_str(&path), why);
}

int place_toml(struct derive *d, const struct place *p, const char *name, json_t **out)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF path = { 0 };
	int r;

	if (!place_read(d, p, name, &text))
		return 0;
	place_path(d, p, name, &path);
	r = toml_parse(buf_str(&path), buf_str(&text), text.len, out, d->error);
	return r < 0 ? r : 1;
}
