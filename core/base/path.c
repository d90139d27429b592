#include "core/base/path.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

bool path_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len == 0)
		return *path != '\0';
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || dir[len - 1] == '/') &&
	       path[len] != '\0';
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int path_join(struct buf *out, const char *dir, const char *name)
{
	size_t len = out->len;
	int r = buf_puts(out, dir);

	if (r == 0 && *dir && dir[strlen(dir) - 1] != '/')
		r = buf_putc(out, '/');
	if (r == 0)
		r = buf_puts(out, name);
	if (r < 0)
		buf_truncate(out, len);
	return r;
}

/* Puts the names of path behind what out holds, taking ".." by text. */
static int put_names(struct buf *out, size_t start, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.') {
			size_t end = out->len;

			while (end > start && out->data[end - 1] != '/')
				end--;
			buf_truncate(out, end > start ? end - 1 : start);
		} else if (len && !(len == 1 && path[0] == '.')) {
			int r = buf_putc(out, '/');

			if (r == 0)
				r = buf_put(out, path, len);
			if (r < 0)
				return r;
		}
		path += len;
		path += strspn(path, "/");
	}
	return 0;
}

int path_absolute(struct buf *out, const char *cwd, const char *path)
{
	size_t start = out->len;
	int r = *path == '/' ? 0 : put_names(out, start, cwd);

	if (r == 0)
		r = put_names(out, start, path);
	if (r == 0 && out->len == start)
		r = buf_putc(out, '/');
	return r;
}

int path_make_dirs(const char *path, unsigned mode)
{
	AUTO_FREE char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(copy, mode) && errno != EEXIST)
			return -errno;
	}
	return mkdir(copy, mode) && errno != EEXIST ? -errno : 0;
}

bool path_is_editor_temporary(const char *name)
{
	size_t len = strlen(name);
	const char *dot = strrchr(name, '.');

	if (strcmp(name, "4913") == 0)
		return true; /* vim's test whether it may create here */
	if (name[0] == '.' && dot > name && strncmp(dot, ".sw", 3) == 0 && strlen(dot) == 4)
		return true;
	if (len > 1 && name[len - 1] == '~')
		return true;
	if (name[0] == '.' && name[1] == '#')
		return true;
	if (len > 2 && name[0] == '#' && name[len - 1] == '#')
		return true;
	return strstr(name, "___jb_") != NULL;
}
