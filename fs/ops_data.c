#include "fs/append.h"
#include "fs/believe.h"
#include "fs/caller.h"
#include "fs/die.h"
#include "fs/files.h"
#include "fs/lower.h"
#include "fs/ops.h"
#include "fs/recent.h"
#include "fs/untold.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

/* One for each lane, made at its first READ. */
static char *read_buffers[LANES_MAX];

/*
 * The kernel takes a short answer for the file's end, and forgets the rest: it must be one. What can't be read is
 * told, and asked for again page by page. Past the page cache (direct) the answer is the caller's own.
 */
static ssize_t read_all(int fd, char *data, size_t size, off_t offset, bool direct)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, data + done, size - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !(direct && done))
			return -errno;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

void op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi)
{
	char **buffer = &read_buffers[lane_current() - shared_lanes->lane];
	/* its own: others who read by the shared one are to leave a trace. Refused: the file is not the daemon's */
	AUTO_FD traceless = fi->flags & O_NOATIME ? node_open(id, O_RDONLY | O_NOATIME) : -1;
	AUTO_FILE f = NULL;
	ssize_t n;
	int r = 0;

	if (!*buffer)
		*buffer = malloc(MAX_WRITE);
	if (!*buffer)
		r = -ENOMEM;
	else if (traceless < 0)
		r = files_get(id, false, &f);
	if (r < 0) {
		reply_error(req, r);
		return;
	}
	untold_read(id);
	n = read_all(f ? f->fd : traceless, *buffer, size < MAX_WRITE ? size : MAX_WRITE, offset, fi->flags & O_DIRECT);
	if (n < 0)
		reply_error(req, (int)n);
	else
		fuse_reply_buf(req, *buffer, (size_t)n);
}

static node_id written_node(void)
{
	const struct fuse_copy_file_range_in *copy = request_argument();

	return request_header()->opcode == FUSE_COPY_FILE_RANGE ? copy->nodeid_out : request_header()->nodeid;
}

int clear_set_ids(fuse_req_t req, int fd)
{
	const struct fuse_ctx *caller = fuse_req_ctx(req);
	struct stat st;
	mode_t cleared;

	if (!caller_privileged())
		return 0; /* the lower does it */
	if (fstat(fd, &st))
		return -errno;
	cleared = st.st_mode & S_ISUID;
	/* without group execution it is no right but mandatory locking: members of the group leave it, as on ext4 */
	if ((st.st_mode & S_ISGID) &&
	    ((st.st_mode & S_IXGRP) || !caller_is_in_group(caller->pid, caller->gid, st.st_gid)))
		cleared |= S_ISGID;
	if (!cleared)
		return 0;
	if (fchmod(fd, st.st_mode & ~cleared & 07777))
		return -errno;
	notify_attributes_old(written_node()); /* else it would go on executing with the rights that it knows */
	return 0;
}

/* Of these the kernel does not say whether the caller may keep them: root may. */
static int clear_set_ids_of_others(fuse_req_t req, int fd)
{
	return fuse_req_ctx(req)->uid ? clear_set_ids(req, fd) : 0;
}

/*
 * An append (RWF_APPEND) goes to the end as it is at that instant, not as it was looked up: others write behind the mount.
 * Returns how much was written, with the reason why it is not all in *error.
 */
static size_t write_all(int fd, const char *data, size_t size, off_t offset, int flags, int *error)
{
	size_t done = 0;

	while (done < size) {
		struct iovec rest = { (void *)(data + done), size - done };
		ssize_t n = pwritev2(fd, &rest, 1, offset + (off_t)done, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*error = n < 0 ? -errno : -EIO;
			break;
		}
		done += (size_t)n;
	}
	return done;
}

static int size_of(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

static void spend_as_caller(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	caller_enter_limits(ctx->uid, ctx->gid);
}

/* What is to be written, and where the kernel believes that it goes. */
static ssize_t write_lower(fuse_req_t req, struct observe_op *op, const struct file *f, const char *data, bool append)
{
	const struct fuse_write_in *in = request_argument();
	bool fixed = !append;
	uint64_t end = 0;
	size_t done = 0;
	int fd = f->fd;
	int error;
	ssize_t n = append ? append_plan(fd, data, op->size, &op->offset, &fixed) : 0;

	if (n == 0)
		n = size_of(fd, &end);
	if (n == 0) {
		op->append = op->offset >= end;
		/* what a dead worker has written is written again in its place, but with O_APPEND it would be there twice */
		if (append && fixed && f->append_only && end > op->offset)
			done = end - op->offset < op->size ? end - op->offset : op->size;
		n = observe_before(op);
	}
	if (n < 0)
		return n;
	if (in->write_flags & FUSE_WRITE_KILL_SUIDGID)
		n = clear_set_ids(req, fd);
	error = (int)n;
	if (error == 0) {
		spend_as_caller(req);
		done += write_all(fd, data + done, op->size - done, (off_t)(op->offset + done), fixed ? 0 : RWF_APPEND,
				  &error);
		caller_leave();
	}
	die_at(DIE_CALL);
	observe_after(op, done ? (int)done : error);
	if (in->write_flags & FUSE_WRITE_CACHE)
		believe_changed(op); /* its time: of other writes the kernel counts */
	/* of pages that are written back the kernel does not look how much came through */
	return error && (!done || (in->write_flags & FUSE_WRITE_CACHE)) ? error : (ssize_t)done;
}

void op_write(fuse_req_t req, fuse_ino_t id, const char *data, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct observe_op op = observe_of(req, OBSERVE_WRITE);
	bool append = (fi->flags & O_APPEND) && !fi->writepage;
	AUTO_FILE f = NULL;
	uint64_t end = 0;
	ssize_t n = files_get(id, true, &f);

	op.node = id;
	op.offset = (uint64_t)offset;
	op.size = size;
	if (n == 0 && f->append_only && !append)
		n = -EPERM;
	if (n == 0)
		n = write_lower(req, &op, f, data, append);
	/*
	 * The kernel has put the bytes into its page before it asked us. Where the page was thrown away meanwhile,
	 * because somebody else had written, and read anew before these went down, it is not what the lower has now.
	 */
	if (n > 0 && recent_is(&recent_outside, id))
		notify_invalidate(id);
	if (n < 0)
		reply_error(req, (int)n);
	else
		fuse_reply_write(req, (size_t)n);
	/* the kernel counts from the end that it remembers */
	if (n > 0 && append && (size_of(f->fd, &end) || end != (uint64_t)offset + (uint64_t)n))
		notify_invalidate(id);
}

void op_fsync(fuse_req_t req, fuse_ino_t id, int datasync, struct fuse_file_info *fi)
{
	AUTO_FILE f = NULL;
	int r = files_get(id, false, &f);

	if (r == -EACCES) /* a file that may be written only */
		r = files_get(id, true, &f);
	if (r == 0 && (datasync ? fdatasync(f->fd) : fsync(f->fd)))
		r = -errno;
	reply_error(req, r);
}

void op_fallocate(fuse_req_t req, fuse_ino_t id, int mode, off_t offset, off_t len, struct fuse_file_info *fi)
{
	struct observe_op op = observe_of(req, OBSERVE_CONTENT);
	AUTO_FILE f = NULL;
	int r = files_get(id, true, &f);

	op.node = id;
	if (r == 0)
		r = observe_before(&op);
	if (r == 0) {
		r = clear_set_ids_of_others(req, f->fd);
		spend_as_caller(req);
		if (r == 0)
			r = fallocate(f->fd, mode, offset, len) ? -errno : 0; /* absolute: the kernel sends no other modes */
		caller_leave();
		die_at(DIE_CALL);
		observe_after(&op, r);
		if (r == 0)
			believe_changed(&op);
	}
	reply_error(req, r);
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t off_in, struct fuse_file_info *fi_in, fuse_ino_t out,
			off_t off_out, struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct observe_op op = observe_of(req, OBSERVE_CONTENT);
	AUTO_FILE from = NULL;
	AUTO_FILE to = NULL;
	ssize_t n = files_get(in, false, &from);

	op.node = out;
	if (n == 0)
		n = files_get(out, true, &to);
	if (n == 0)
		n = observe_before(&op);
	if (n == 0) {
		n = clear_set_ids_of_others(req, to->fd);
		spend_as_caller(req);
		if (n == 0) {
			n = copy_file_range(from->fd, &off_in, to->fd, &off_out, len, (unsigned)flags);
			n = n < 0 ? -errno : n;
		}
		caller_leave();
		die_at(DIE_CALL);
		observe_after(&op, n < 0 ? (int)n : 0);
	}
	if (n < 0)
		reply_error(req, (int)n);
	else
		fuse_reply_write(req, (size_t)n);
}

void op_lseek(fuse_req_t req, fuse_ino_t id, off_t offset, int whence, struct fuse_file_info *fi)
{
	AUTO_FD fd = node_open(id, O_RDONLY); /* its own: a shared descriptor's offset is nobody's */
	off_t at = fd < 0 ? -1 : lseek(fd, offset, whence);

	if (at < 0)
		reply_error(req, fd < 0 ? fd : -errno);
	else
		fuse_reply_lseek(req, at);
}
