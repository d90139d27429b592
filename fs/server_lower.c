/* Single files of the lower, reached by names alone: no link is followed, no path is too long. */
#include "core/base/path.h"
#include "fs/server_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

void lower_view_init(struct lower_view *v)
{
	*v = (struct lower_view){ .fd = -1 };
}

void lower_view_done(struct lower_view *v)
{
	free(v->dir);
	if (v->fd >= 0)
		close(v->fd);
	lower_view_init(v);
}

static int open_below(int dir, const char *name)
{
	int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The directory dir[0..len), name by name. */
static int open_directory(const char *dir, size_t len)
{
	int fd = open_below(server.o.root_fd, ".");
	char name[NAME_MAX + 1];

	while (fd >= 0 && len) {
		const char *slash = memchr(dir, '/', len);
		size_t n = slash ? (size_t)(slash - dir) : len;
		int below;

		if (n > NAME_MAX) {
			close(fd);
			return -ENAMETOOLONG;
		}
		memcpy(name, dir, n);
		name[n] = '\0';
		below = open_below(fd, name);
		close(fd);
		fd = below;
		dir += slash ? n + 1 : n;
		len -= slash ? n + 1 : n;
	}
	return fd;
}

/* the open directory of path, whose last name is in *name. -errno */
static int enter(struct lower_view *v, const char *path, const char **name)
{
	const char *base = path_base(path);
	size_t len = base == path ? 0 : (size_t)(base - path) - 1;

	*name = *base ? base : ".";
	if (v->dir && strlen(v->dir) == len && memcmp(v->dir, path, len) == 0)
		return v->fd;
	lower_view_done(v);
	v->fd = open_directory(path, len);
	if (v->fd < 0) {
		int r = v->fd;

		lower_view_init(v);
		return r;
	}
	v->dir = strndup(path, len);
	return v->fd;
}

int lower_view_stat(struct lower_view *v, const char *path, struct stat *st)
{
	const char *name;
	int fd = enter(v, path, &name);

	if (fd < 0)
		return fd;
	return fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

char *lower_view_target(struct lower_view *v, const char *path)
{
	char target[PATH_MAX];
	const char *name;
	int fd = enter(v, path, &name);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, name, target, sizeof(target));

	return n < 0 ? NULL : strndup(target, (size_t)n);
}

int lower_view_open(struct lower_view *v, const char *path)
{
	const char *name;
	int dir = enter(v, path, &name);
	AUTO_FD fd = -1;
	struct stat st;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? take_fd(&fd) : -EINVAL;
}
