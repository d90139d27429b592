#include "fs/observe_content.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static int64_t ns_of(struct timespec t)
{
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = ns_of(st->st_mtim),
		.ctime_ns = ns_of(st->st_ctim),
	};
}

bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

int state_of_link(int dirfd, const char *name, struct state *out)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	if (n < 0)
		return -errno;
	*out = state_with_content(state_of_mode(S_IFLNK), hash_bytes(target, (size_t)n));
	return 0;
}

int content_open(int dirfd, const char *name)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(dirfd, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, name, flags);
	return fd < 0 ? -errno : fd;
}

int content_open_again(int fd)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NOATIME);
	if (again < 0 && errno == EPERM)
		again = open(path, flags);
	return again < 0 ? -errno : again;
}

struct state state_hashed(struct state s, int fd, uint64_t limit, int64_t deadline_ns)
{
	struct hash h;

	return hash_file(fd, limit, deadline_ns, &h) == 0 ? state_with_content(s, h) : s;
}

struct state state_of_empty(struct state s)
{
	return state_with_content(s, hash_bytes("", 0));
}
