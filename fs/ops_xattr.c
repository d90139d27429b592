#include "fs/believe.h"
#include "fs/caller.h"
#include "fs/die.h"
#include "fs/feature.h"
#include "fs/files.h"
#include "fs/intent.h"
#include "fs/lower.h"
#include "fs/ops.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* Attributes of the object itself: an O_PATH descriptor does not do for these calls, its path does. */

static void reply_attribute(fuse_req_t req, const char *value, ssize_t n, size_t room)
{
	if (n < 0)
		reply_error(req, (int)n);
	else if (room)
		fuse_reply_buf(req, value, (size_t)n);
	else
		fuse_reply_xattr(req, (size_t)n);
}

/* The kernel's own question, at each first write and each change of owner, about the object whatever its name. */
static bool reply_capability(fuse_req_t req, fuse_ino_t id, const char *name, size_t room)
{
	AUTO_FILE f = strcmp(name, "security.capability") == 0 && !room ? files_at_hand(id) : NULL;
	ssize_t n;

	if (!f)
		return false;
	n = fgetxattr(f->fd, name, NULL, 0);
	reply_attribute(req, NULL, n < 0 ? -errno : n, room);
	return true;
}

static void reply_value(fuse_req_t req, fuse_ino_t id, const char *name, size_t room)
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

/* room 0: how large the answer would be. */
void op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t room)
{
	if (!reply_capability(req, id, name, room))
		reply_value(req, id, name, room);
}

void op_listxattr(fuse_req_t req, fuse_ino_t id, size_t room)
{
	AUTO_FD fd = node_open(id, O_PATH);
	AUTO_FREE char *list = room ? malloc(room) : NULL;
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	char path[FD_PATH_SIZE];
	ssize_t n;

	if (fd < 0 || (room && !list)) {
		reply_error(req, fd < 0 ? fd : -ENOMEM);
		return;
	}
	caller_enter_limits(ctx->uid, ctx->gid); /* trusted attributes are for root only */
	n = listxattr(fd_path(fd, path), list, room);
	if (n < 0)
		n = -errno;
	caller_leave();
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

/*
 * Who may change system.* the kernel leaves to the file system: on NFSv4, CIFS and NTFS they are rights, and a root
 * daemon may set them all. POSIX ACLs it knows itself, unless that is switched off.
 */
static bool may_change(fuse_req_t req, int fd, const char *name)
{
	uid_t uid = fuse_req_ctx(req)->uid;
	struct stat st;

	if (!caller_privileged() || uid == 0 || strncmp(name, "system.", 7) != 0)
		return true;
	if (feature_wanted(FEATURE_POSIX_ACL) && strncmp(name, "system.posix_acl_", 17) == 0)
		return true;
	return fstat(fd, &st) == 0 && st.st_uid == uid;
}

/* Whoever is not in the group loses its setgid with an ACL, as with a mode: the lower would, but the daemon is root there. */
static int drop_setgid(fuse_req_t req, int fd, const struct attribute *a)
{
	const struct fuse_ctx *caller = fuse_req_ctx(req);
	struct stat st;

	if (!a->value || !caller_privileged() || caller->uid == 0 || strcmp(a->name, "system.posix_acl_access") != 0)
		return 0;
	if (fstat(fd, &st))
		return -errno;
	if (!(st.st_mode & S_ISGID) || caller_is_in_group(caller->pid, caller->gid, st.st_gid))
		return 0;
	return chmod(a->path, st.st_mode & ~(mode_t)S_ISGID & 07777) ? -errno : 0;
}

static void change(fuse_req_t req, fuse_ino_t id, struct attribute *a)
{
	struct observe_op op = observe_of(req, OBSERVE_ATTR);
	AUTO_FD fd = node_open(id, O_PATH);
	char path[FD_PATH_SIZE];
	int r = fd < 0 ? fd : 0;

	op.node = id;
	if (r == 0 && !may_change(req, fd, a->name))
		r = -EPERM;
	if (r == 0)
		r = observe_before(&op);
	if (r == 0) {
		a->path = fd_path(fd, path);
		r = change_once(a);
		if (r == 0)
			r = drop_setgid(req, fd, a);
		observe_after(&op, r);
		if (r == 0)
			believe_changed(&op);
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
