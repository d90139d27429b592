#include "fs/observe_reach.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_bool one_by_one; /* openat2 is not to be had (an old container's filter) */

static int open_in_one(int dirfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* How much of the path goes into one call: all but for long ones, a single name without openat2. */
static size_t piece_of(const char *path, bool single)
{
	size_t len = strlen(path);

	if (!single && len < PATH_MAX)
		return len;
	if (!single) {
		len = PATH_MAX - 1;
		while (len && path[len] != '/')
			len--;
		return len;
	}
	return strcspn(path, "/");
}

static int step(int dirfd, const char *piece, bool last, bool single)
{
	int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | (last ? 0 : O_DIRECTORY);
	int fd;

	if (!single)
		return open_in_one(dirfd, piece, flags);
	fd = openat(dirfd, piece, flags);
	return fd < 0 ? -errno : fd;
}

static int walk(int root_fd, const char *path, bool single)
{
	AUTO_FD at = -1;
	char piece[PATH_MAX];

	for (;;) {
		size_t len = piece_of(path, single);
		bool last = path[len] == '\0';
		int fd;

		if (!len || len >= sizeof(piece))
			return -ENAMETOOLONG;
		memcpy(piece, path, len);
		piece[len] = '\0';
		fd = step(at < 0 ? root_fd : at, piece, last, single);
		if (fd < 0)
			return fd;
		if (at >= 0)
			close(at);
		at = fd;
		if (last)
			return take_fd(&at);
		path += len + 1;
	}
}

int reach(int root_fd, const char *path)
{
	int r;

	if (!*path) {
		r = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return r < 0 ? -errno : r;
	}
	r = walk(root_fd, path, one_by_one);
	if (r == -ENOSYS || r == -EPERM) {
		one_by_one = true;
		r = walk(root_fd, path, true);
	}
	return r == -ELOOP || r == -EXDEV ? -ENOTDIR : r;
}
