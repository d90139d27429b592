#include "fs/die.h"
#include "fs/intent.h"
#include "fs/lower.h"
#include "fs/ops.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

/* Attributes of the object itself: an O_PATH descriptor does not do for these calls, its path does. */

/* name NULL: the list of them. size 0: how large the answer would be. */
static void read_attribute(fuse_req_t req, fuse_ino_t id, const char *name, size_t size)
{
	AUTO_FD fd = node_open(id, O_PATH);
	AUTO_FREE char *value = size ? malloc(size) : NULL;
	char path[FD_PATH_SIZE];
	ssize_t n;

	if (fd < 0 || (size && !value)) {
		reply_error(req, fd < 0 ? fd : -ENOMEM);
		return;
	}
	fd_path(fd, path);
	n = name ? getxattr(path, name, value, size) : listxattr(path, value, size);
	if (n < 0)
		reply_error(req, -errno);
	else if (size)
		fuse_reply_buf(req, value, (size_t)n);
	else
		fuse_reply_xattr(req, (size_t)n);
}

void op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size)
{
	read_attribute(req, id, name, size);
}

void op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size)
{
	read_attribute(req, id, NULL, size);
}

/* Carries out, and tells whether what it does has been done already, by a worker that died at it. */
typedef int changer(const char *path, const void *arg);

static int change_once(const char *path, changer *call, changer *is_done, const void *arg)
{
	struct intent *i = intent_begin(&(struct intent){ .opcode = request_header()->opcode });
	int r;

	if (intent_is_over(i, &r))
		return r;
	r = call(path, arg) ? -errno : 0;
	die_at(DIE_CALL);
	if (r < 0 && intent_is_doubtful(i) && is_done(path, arg))
		r = 0;
	intent_done(i, r);
	return r;
}

static void change(fuse_req_t req, fuse_ino_t id, changer *call, changer *is_done, const void *arg)
{
	struct observe_op op = observe_of(req, OBSERVE_ATTR);
	AUTO_FD fd = node_open(id, O_PATH);
	char path[FD_PATH_SIZE];
	int r = fd < 0 ? fd : 0;

	op.node = id;
	if (r == 0)
		r = observe_before(&op);
	if (r == 0) {
		r = change_once(fd_path(fd, path), call, is_done, arg);
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

static int is_set(const char *path, const void *arg)
{
	const struct set_args *a = arg;
	AUTO_FREE char *now = malloc(a->size + 1);
	ssize_t n = now ? getxattr(path, a->name, now, a->size + 1) : -1;

	return n == (ssize_t)a->size && memcmp(now, a->value, a->size) == 0;
}

void op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value, size_t size, int flags)
{
	struct set_args args = { name, value, size, flags };

	change(req, id, call_set, is_set, &args);
}

static int call_remove(const char *path, const void *arg)
{
	return removexattr(path, arg);
}

static int is_removed(const char *path, const void *arg)
{
	return getxattr(path, arg, NULL, 0) < 0 && errno == ENODATA;
}

void op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name)
{
	change(req, id, call_remove, is_removed, name);
}
