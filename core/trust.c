#include "core/trust.h"
#include "core/statedir.h"
#include <errno.h>
#include <string.h>

#define MAX_CONTENT (2 * 1024 * 1024)
#define STORE "trust"

/* One file for each path: its name is the path's hash, its first line tells which path that was. 0 with the content agreed to, -ENOENT */
static int read_entry(int dir, const char *path, struct buf *content)
{
	char name[HASH_TEXT_SIZE];
	size_t len = strlen(path);
	int r;

	statedir_name(path, strlen(path), name);
	r = statedir_read(dir, name, MAX_CONTENT, content);
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
	AUTO_FD dir = statedir_open(STORE, false);
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

int trust_give(const char *path, const void *content, size_t len)
{
	AUTO_FD dir = statedir_open(STORE, true);
	AUTO_BUF entry = { 0 };
	char name[HASH_TEXT_SIZE];
	int r;

	if (dir < 0)
		return dir;
	if (len > MAX_CONTENT / 2)
		return -EFBIG;
	statedir_name(path, strlen(path), name);
	r = buf_put(&entry, path, strlen(path) + 1);
	if (r == 0)
		r = buf_put(&entry, content, len);
	return r < 0 ? r : statedir_write(dir, name, entry.data, entry.len);
}

int trust_take_back(const char *path)
{
	AUTO_FD dir = statedir_open(STORE, false);
	char name[HASH_TEXT_SIZE];

	if (dir < 0)
		return dir;
	statedir_name(path, strlen(path), name);
	return unlinkat(dir, name, 0) ? -errno : 0;
}
