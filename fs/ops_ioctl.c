/* The flags of a file (chattr, lsattr) and its generation, the only ioctls that mean the same on every lower. */
#include "fs/caller.h"
#include "fs/files.h"
#include "fs/lower.h"
#include "fs/ops.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

/* The kernel has checked who owns the file, not who may make it immutable: the lower would ask us, not the caller. */
static bool may_change(fuse_req_t req, unsigned guarded)
{
	return !guarded || !caller_privileged() || fuse_req_ctx(req)->uid == 0;
}

static int set_flags(fuse_req_t req, node_id id, int fd, const void *in)
{
	struct observe_op op = observe_of(req, OBSERVE_ATTR);
	const unsigned guarded = FS_IMMUTABLE_FL | FS_APPEND_FL;
	unsigned before, after;
	int r;

	memcpy(&after, in, sizeof(after));
	if (ioctl(fd, FS_IOC_GETFLAGS, &before))
		return -errno;
	if (!may_change(req, (before ^ after) & guarded))
		return -EPERM;
	op.node = id;
	r = observe_before(&op);
	if (r < 0)
		return r;
	r = ioctl(fd, FS_IOC_SETFLAGS, &after) ? -errno : 0;
	observe_after(&op, r);
	files_drop(id);
	return r;
}

static int set_attributes(fuse_req_t req, node_id id, int fd, const void *in)
{
	struct observe_op op = observe_of(req, OBSERVE_ATTR);
	const unsigned guarded = FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND;
	struct fsxattr before, after;
	int r;

	memcpy(&after, in, sizeof(after));
	if (ioctl(fd, FS_IOC_FSGETXATTR, &before))
		return -errno;
	if (!may_change(req, (before.fsx_xflags ^ after.fsx_xflags) & guarded))
		return -EPERM;
	op.node = id;
	r = observe_before(&op);
	if (r < 0)
		return r;
	r = ioctl(fd, FS_IOC_FSSETXATTR, &after) ? -errno : 0;
	observe_after(&op, r);
	files_drop(id);
	return r;
}

union answer {
	unsigned flags;
	struct fsxattr attributes;
	long version;
};

/* The size of the answer in *out, or -errno */
static int carry_out(fuse_req_t req, node_id id, int fd, unsigned long cmd, const void *in, size_t in_size,
		     union answer *out)
{
	switch (cmd) {
	case FS_IOC_GETFLAGS:
		return ioctl(fd, FS_IOC_GETFLAGS, &out->flags) ? -errno : (int)sizeof(out->flags);
	case FS_IOC_FSGETXATTR:
		return ioctl(fd, FS_IOC_FSGETXATTR, &out->attributes) ? -errno : (int)sizeof(out->attributes);
	case FS_IOC_GETVERSION: /* a long by its number, an int by what file systems write */
		return ioctl(fd, FS_IOC_GETVERSION, &out->version) ? -errno : (int)sizeof(int);
	case FS_IOC_SETFLAGS:
		return in_size < sizeof(out->flags) ? -EINVAL : set_flags(req, id, fd, in);
	case FS_IOC_FSSETXATTR:
		return in_size < sizeof(out->attributes) ? -EINVAL : set_attributes(req, id, fd, in);
	default:
		return -ENOTTY;
	}
}

void op_ioctl(fuse_req_t req, fuse_ino_t id, unsigned cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
	      const void *in, size_t in_size, size_t out_size)
{
	AUTO_FD fd = node_open(id, O_RDONLY);
	union answer out;
	int r = fd;

	if (fd == -EINVAL)
		r = -ENOTTY; /* neither file nor directory */
	else if (fd >= 0)
		r = carry_out(req, id, fd, cmd, in, in_size, &out);
	if (r >= 0 && (size_t)r > out_size)
		r = -EINVAL;
	/* the kernel does not ask for the time of the change by itself */
	if (r >= 0 && (cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR))
		notify_attributes_old(id);
	if (r < 0)
		reply_error(req, r);
	else
		fuse_reply_ioctl(req, 0, &out, (size_t)r);
}
