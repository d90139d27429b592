#include "fs/program.h"
#include "core/base/exe.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define SIZE_MAX_BYTES (1L << 30)

void program_own(struct program *p)
{
	AUTO_BUF path = { 0 };

	*p = (struct program)NO_PROGRAM;
	p->worker = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (exe_find("hrfs-git", &path) < 0)
		return;
	p->git = open(path.data, O_PATH | O_CLOEXEC);
}

void program_done(struct program *p)
{
	if (p->worker >= 0)
		close(p->worker);
	if (p->git >= 0)
		close(p->git);
	*p = (struct program)NO_PROGRAM;
}

/* by its number: what is open for writing is not executed */
static int open_again(int fd, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

static int copy(int from, off_t size)
{
	AUTO_FD in = open_again(from, O_RDONLY);
	AUTO_FD out = memfd_create("hrfs-program", MFD_CLOEXEC);
	ssize_t n = 1;

	if (in < 0)
		return in;
	if (out < 0)
		return -errno;
	while (size > 0 && n > 0) {
		n = sendfile(out, in, NULL, (size_t)size);
		size -= n;
	}
	if (n < 0)
		return -errno;
	return open_again(out, O_PATH);
}

static bool is_fuse(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) || fs.f_type == FUSE_SUPER_MAGIC;
}

/* What a FUSE file system says of owners is the word of whoever serves it. */
static bool is_roots_alone(int fd, const struct stat *st, dev_t mount, int lower)
{
	if (st->st_uid || st->st_mode & (S_IWGRP | S_IWOTH))
		return false;
	return !is_fuse(st->st_dev == mount ? lower : fd);
}

int program_open(const char *path, dev_t mount, int lower)
{
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	if (geteuid() == 0 && !is_roots_alone(fd, &st, mount, lower))
		return -EPERM;
	if (st.st_size > SIZE_MAX_BYTES)
		return -EFBIG;
	return st.st_dev == mount ? copy(fd, st.st_size) : take_fd(&fd);
}
