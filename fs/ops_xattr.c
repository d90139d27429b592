#include "fs/caller.h"
#include "fs/die.h"
#include "fs/intent.h"
#include "fs/lower.h"
#include "fs/ops.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <stdbool.h>
#include <string.h>
#include <sys/xattr.h>

/* Attributes of the object itself: an O_PATH descriptor does not do for these calls, its path does. */

static void reply_attribute(fuse_req_t req, const char *value, ssize_t n, size_t room)
{
	if (n < 0)
		reply_error(req, (int)n);
	else if (room && (size_t)n > room)
		reply_error(req, -ERANGE);
	else if (room)
		fuse_reply_buf(req, value, (size_t)n);
	else
		fuse_reply_xattr(req, (size_t)n);
}

/* room 0: how large the answer would be. */
void op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t room)
{
	AUTO_FD fd = node_open(id, O_PATH);
	AUTO_FREE char *value = room ? malloc(room) : NULL;
	char path[FD_PATH_SIZE];
	ssize_t n;

	if (fd < 0 || (room && !value)) {
		reply_error(req, fd < 0 ? fd : -ENOMEM);
		return;
	}
	n = getxattr(fd_path(fd, path), name, value, room);
	reply_attribute(req, value, n < 0 ? -errno : n, room);
}

/* The lower shows these names to root, and it is us whom it asks. */
static ssize_t drop_trusted(char *list, ssize_t n)
{
	ssize_t kept = 0;

	for (ssize_t at = 0; at < n;) {
		ssize_t len = (ssize_t)strlen(list + at) + 1;

		if (strncmp(list + at, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN) != 0) {
			memmove(list + kept, list + at, (size_t)len);
			kept += len;
		}
		at += len;
	}
	return kept;
}

void op_listxattr(fuse_req_t req, fuse_ino_t id, size_t room)
{
	AUTO_FD fd = node_open(id, O_PATH);
	AUTO_FREE char *list = malloc(XATTR_LIST_MAX);
	char path[FD_PATH_SIZE];
	ssize_t n;

	if (fd < 0 || !list) {
		reply_error(req, fd < 0 ? fd : -ENOMEM);
		return;
	}
	n = listxattr(fd_path(fd, path), list, XATTR_LIST_MAX);
	if (n < 0)
		n = -errno;
	else if (caller_privileged() && fuse_req_ctx(req)->uid != 0)
		n = drop_trusted(list, n);
	reply_attribute(req, list, n, room);
}

struct attribute {
	const char *path, *name;
	const char *value; /* NULL: it is to be removed */
	size_t size;
	int flags;
};

static bool is_there(const struct attribute *a)
{
	return getxattr(a->path, a->name, NULL, 0) >= 0 || errno != ENODATA;
}

static bool has_value(const struct attribute *a)
{
	AUTO_FREE char *now = malloc(a->size + 1);
	ssize_t n = now ? getxattr(a->path, a->name, now, a->size + 1) : -1;

	return n == (ssize_t)a->size && memcmp(now, a->value, a->size) == 0;
}

/* By a worker that died at it, since its call made again is refused? One that had to be refused was not. */
static bool is_done(const struct attribute *a, bool had)
{
	if (!a->value)
		return had && !is_there(a);
	return !(had && a->flags & XATTR_CREATE) && has_value(a);
}

static int change_once(const struct attribute *a)
{
	struct intent *i = intent_begin(&(struct intent){ .opcode = request_header()->opcode, .had = is_there(a) });
	int r;

	if (intent_is_over(i, &r))
		return r;
	r = a->value ? setxattr(a->path, a->name, a->value, a->size, a->flags) : removexattr(a->path, a->name);
	if (r)
		r = -errno;
	die_at(DIE_CALL);
	if (r < 0 && intent_is_doubtful(i) && is_done(a, i->had))
		r = 0;
	intent_done(i, r);
	return r;
}

static void change(fuse_req_t req, fuse_ino_t id, struct attribute *a)
{
	struct observe_op op = observe_of(req, OBSERVE_ATTR);
	AUTO_FD fd = node_open(id, O_PATH);
	char path[FD_PATH_SIZE];
	int r = fd < 0 ? fd : 0;

	op.node = id;
	if (r == 0)
		r = observe_before(&op);
	if (r == 0) {
		a->path = fd_path(fd, path);
		r = change_once(a);
		observe_after(&op, r);
	}
	reply_error(req, r);
}

void op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size, int flags)
{
	change(req, id, &(struct attribute){ .name = name, .value = value, .size = size, .flags = flags });
}

void op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name)
{
	change(req, id, &(struct attribute){ .name = name });
}
