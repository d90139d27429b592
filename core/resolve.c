#include "core/resolve.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/base/strv.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

#define LINKS_MAX 40 /* as the kernel's own limit */

/* The target of a link, NUL-terminated. Its length; -EINVAL: it is no link */
static ssize_t read_link(const char *path, char target[static PATH_MAX])
{
	ssize_t n = readlink(path, target, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return n;
}

int resolve_cwd(struct buf *out)
{
	char path[PATH_MAX];
	ssize_t n = read_link("/proc/self/cwd", path);

	return n < 0 ? (int)n : buf_puts(out, path);
}

static int note_fuse(const struct mountinfo_entry *e, void *arg)
{
	return strncmp(e->type, "fuse", 4) == 0 ? strv_add(arg, e->mountpoint) : 0;
}

/* What is at `path`, whose parent has no links: 1 with the path to go on with in *next, else 0 */
static int follow(const char *path, const char *rest, struct buf *next)
{
	AUTO_FREE char *parent = strndup(path, (size_t)(path_base(path) - path));
	AUTO_BUF whole = { 0 };
	char target[PATH_MAX];
	ssize_t n = read_link(path, target);
	int r;

	if (n == -EINVAL || n == -ENOENT || n == -EACCES || n == -ENOTDIR || n == -ENAMETOOLONG)
		return 0;
	if (n < 0 || !parent)
		return n < 0 ? (int)n : -ENOMEM;
	r = buf_printf(&whole, "%s%s", target, rest);
	if (r == 0)
		r = path_absolute(next, parent, whole.data);
	return r < 0 ? r : 1;
}

/* One walk down the path: 1 when a link was met (then *next is the path to go on with), 0 at its end */
static int walk(const char *path, const struct strv *fuse, struct buf *next)
{
	AUTO_BUF prefix = { 0 };

	for (const char *p = path; *p;) {
		size_t len = 1 + strcspn(p + 1, "/");
		int r = buf_put(&prefix, p, len);

		if (r < 0)
			return r;
		p += len;
		if (strv_has(fuse, prefix.data))
			return 0;
		r = follow(prefix.data, p, next);
		if (r != 0)
			return r;
	}
	return 0;
}

int resolve_links(struct buf *out, const char *path)
{
	AUTO_BUF now = { 0 };
	AUTO_STRV fuse = { 0 };
	int r = path_absolute(&now, "/", path);

	if (r == 0)
		r = mountinfo_each(note_fuse, &fuse);
	for (int links = 0; r == 0; links++) {
		AUTO_BUF next = { 0 };

		r = walk(now.data, &fuse, &next);
		if (r == 0)
			return buf_puts(out, now.data);
		if (r == 1)
			r = links < LINKS_MAX && next.len < PATH_MAX ? 0 : -ELOOP;
		buf_done(&now);
		now = next;
		next = (struct buf){ 0 };
	}
	return r;
}
