#include "core/trust.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_CONTENT (2 * 1024 * 1024)

static int store_path(struct buf *out)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (state && *state == '/')
		return buf_printf(out, "%s/hrfs/trust", state);
	if (!home || *home != '/')
		return -ENOENT;
	return buf_printf(out, "%s/.local/state/hrfs/trust", home);
}

/* the directory; created when `create`. A store that others may write says nothing about consent. */
static int open_store(bool create)
{
	AUTO_BUF path = { 0 };
	AUTO_FD fd = -1;
	struct stat st;
	int r = store_path(&path);

	if (r == 0 && create)
		r = path_make_dirs(buf_str(&path), 0700);
	if (r < 0)
		return r;
	fd = open(buf_str(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	return take_fd(&fd);
}

/* one file for each path: its name is the path's hash, its first line tells which path that was */
static void entry_name(const char *path, char name[static HASH_TEXT_SIZE])
{
	struct hash h = hash_bytes(path, strlen(path));

	hash_text(&h, name);
}

/* 0 with the content agreed to, -ENOENT */
static int read_entry(int dir, const char *path, struct buf *content)
{
	char name[HASH_TEXT_SIZE];
	AUTO_FD fd = -1;
	size_t len = strlen(path);
	int r;

	entry_name(path, name);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = file_read(fd, MAX_CONTENT, content);
	if (r < 0)
		return r;
	/* the path, a NUL, the content */
	if (content->len <= len || memcmp(content->data, path, len + 1) != 0)
		return -ENOENT;
	buf_consume(content, len + 1);
	return 0;
}

int trust_check(const char *path, const void *content, size_t len, struct buf *agreed)
{
	AUTO_BUF old = { 0 };
	AUTO_FD dir = open_store(false);
	int r = dir < 0 ? dir : read_entry(dir, path, &old);

	if (r == -ENOENT)
		return TRUST_UNKNOWN;
	if (r < 0)
		return r;
	if (old.len == len && (!len || memcmp(old.data, content, len) == 0))
		return TRUST_GIVEN;
	if (agreed) {
		r = buf_put(agreed, old.data, old.len);
		if (r < 0)
			return r;
	}
	return TRUST_CHANGED;
}

static int write_all(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			return -errno;
		data = (const char *)data + n;
		len -= (size_t)n;
	}
	return 0;
}

int trust_give(const char *path, const void *content, size_t len)
{
	AUTO_FD dir = open_store(true);
	AUTO_FD fd = -1;
	char name[HASH_TEXT_SIZE], aside[HASH_TEXT_SIZE + 16];
	int r;

	if (dir < 0)
		return dir;
	if (len > MAX_CONTENT / 2)
		return -EFBIG;
	entry_name(path, name);
	snprintf(aside, sizeof(aside), "%s.%d", name, (int)getpid());
	fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, path, strlen(path) + 1);
	if (r == 0)
		r = write_all(fd, content, len);
	if (r == 0 && fsync(fd))
		r = -errno;
	if (r == 0 && renameat(dir, aside, dir, name))
		r = -errno;
	if (r < 0)
		unlinkat(dir, aside, 0);
	return r;
}

int trust_take_back(const char *path)
{
	AUTO_FD dir = open_store(false);
	char name[HASH_TEXT_SIZE];

	if (dir < 0)
		return dir;
	entry_name(path, name);
	return unlinkat(dir, name, 0) ? -errno : 0;
}
