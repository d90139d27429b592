#include "core/statedir.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int parent_path(struct buf *out)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (state && *state == '/')
		return buf_puts(out, state);
	if (!home || *home != '/')
		return -ENOENT;
	return buf_printf(out, "%s/.local/state", home);
}

/* under sudo the home may be another user's, who could not write there afterwards */
static int check_owner(const char *path)
{
	AUTO_BUF up = { 0 };
	struct stat st;
	int r = buf_puts(&up, path);

	while (r == 0 && stat(buf_str(&up), &st)) {
		const char *slash = strrchr(buf_str(&up), '/');

		if (errno != ENOENT || !slash || slash == up.data)
			return -errno;
		buf_truncate(&up, (size_t)(slash - up.data));
	}
	return r < 0 ? r : geteuid() == 0 && st.st_uid ? -EPERM : 0;
}

static int enter(int dir, const char *name, bool create)
{
	int fd;

	if (create && mkdirat(dir, name, 0700) && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int statedir_open(const char *name, bool create)
{
	AUTO_BUF path = { 0 };
	AUTO_FD parent = -1;
	AUTO_FD ours = -1;
	AUTO_FD fd = -1;
	struct stat st;
	int r = parent_path(&path);

	if (r == 0 && create) {
		r = check_owner(buf_str(&path));
		if (r == 0)
			r = path_make_dirs(buf_str(&path), 0700);
	}
	if (r < 0)
		return r;
	parent = open(buf_str(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	ours = enter(parent, "hrfs", create);
	fd = ours < 0 ? ours : enter(ours, name, create);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	return take_fd(&fd);
}

void statedir_name(const void *key, size_t len, char name[static HASH_TEXT_SIZE])
{
	struct hash h = hash_bytes(key, len);

	hash_text(&h, name);
}

int statedir_read(int dir, const char *name, size_t max_bytes, struct buf *out)
{
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? -EPERM : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	return file_read(fd, max_bytes, out);
}

static int write_all(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data = (const char *)data + n;
		len -= (size_t)n;
	}
	return 0;
}

int statedir_write(int dir, const char *name, const void *data, size_t len)
{
	char aside[HASH_TEXT_SIZE + 16];
	AUTO_FD fd = -1;
	int r;

	snprintf(aside, sizeof(aside), "%s.%d", name, (int)getpid());
	fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, len);
	if (r == 0 && fsync(fd))
		r = -errno;
	if (r == 0 && renameat(dir, aside, dir, name))
		r = -errno;
	if (r < 0)
		unlinkat(dir, aside, 0);
	return r;
}

/* ---- how many ---- */

struct oldest {
	char name[NAME_MAX + 1];
	struct timespec time;
};

static bool is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* how many there are */
static size_t look(DIR *d, struct oldest *out)
{
	struct dirent *e;
	size_t count = 0;

	rewinddir(d);
	while ((e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (!count++ || is_older(&st.st_mtim, &out->time)) {
			snprintf(out->name, sizeof(out->name), "%s", e->d_name);
			out->time = st.st_mtim;
		}
	}
	return count;
}

void statedir_prune(int dir, size_t count)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = file_list(fd);
	struct oldest oldest;

	if (!d)
		return;
	while (look(d, &oldest) > count && unlinkat(dir, oldest.name, 0) == 0)
		;
	closedir(d);
}
