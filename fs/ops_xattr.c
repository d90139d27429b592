#include "fs/lower.h"
#include "fs/ops.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>

/* Attributes of the object itself: an O_PATH descriptor does not do for these calls, its path does. */

void op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size)
{
	AUTO_FD fd = node_open(id, O_PATH);
	AUTO_FREE char *value = size ? malloc(size) : NULL;
	char path[FD_PATH_SIZE];
	ssize_t n;

	if (fd < 0 || (size && !value)) {
		reply_error(req, fd < 0 ? fd : -ENOMEM);
		return;
	}
	n = getxattr(fd_path(fd, path), name, value, size);
	if (n < 0)
		reply_error(req, -errno);
	else if (size)
		fuse_reply_buf(req, value, (size_t)n);
	else
		fuse_reply_xattr(req, (size_t)n);
}

void op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size)
{
	AUTO_FD fd = node_open(id, O_PATH);
	AUTO_FREE char *list = size ? malloc(size) : NULL;
	char path[FD_PATH_SIZE];
	ssize_t n;

	if (fd < 0 || (size && !list)) {
		reply_error(req, fd < 0 ? fd : -ENOMEM);
		return;
	}
	n = listxattr(fd_path(fd, path), list, size);
	if (n < 0)
		reply_error(req, -errno);
	else if (size)
		fuse_reply_buf(req, list, (size_t)n);
	else
		fuse_reply_xattr(req, (size_t)n);
}

static void change(fuse_req_t req, fuse_ino_t id, int (*call)(const char *path, const void *arg), const void *arg)
{
	struct observe_op op = observe_of(req, OBSERVE_ATTR);
	AUTO_FD fd = node_open(id, O_PATH);
	char path[FD_PATH_SIZE];
	int r = fd < 0 ? fd : 0;

	op.node = id;
	if (r == 0)
		r = observe_before(&op);
	if (r == 0) {
		r = call(fd_path(fd, path), arg) ? -errno : 0;
		observe_after(&op, r);
	}
	reply_error(req, r);
}

struct set_args {
	const char *name, *value;
	size_t size;
	int flags;
};

static int call_set(const char *path, const void *arg)
{
	const struct set_args *a = arg;

	return setxattr(path, a->name, a->value, a->size, a->flags);
}

void op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size, int flags)
{
	struct set_args args = { name, value, size, flags };

	change(req, id, call_set, &args);
}

static int call_remove(const char *path, const void *arg)
{
	return removexattr(path, arg);
}

void op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name)
{
	change(req, id, call_remove, name);
}
