#include "fs/raw.h"
#include "fs/believe.h"
#include "fs/caller.h"
#include "fs/counts.h"
#include "fs/feature.h"
#include "fs/files.h"
#include "fs/lower.h"
#include "fs/ops.h"
#include "fs/lane.h"
#include "fs/untold.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

/* Numbers and layouts as in the kernel's include/uapi/linux/fuse.h (7.37 and 7.39); older headers lack them. */
#define RAW_TMPFILE 51
#define RAW_STATX 52

struct raw_statx_in {
	uint32_t getattr_flags, reserved;
	uint64_t fh;
	uint32_t sx_flags, sx_mask;
};

struct raw_time {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

struct raw_statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec, flags;
	uint64_t spare[2];
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare16;
	uint64_t ino, size, blocks, attributes_mask;
	struct raw_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare64[14];
};

_Static_assert(sizeof(struct raw_statx_out) == 32 + 256, "as the kernel's fuse_statx_out");

int raw_answer(int error, const void *data, size_t size)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + size),
		.error = error,
		.unique = request_header()->unique,
	};
	struct iovec iov[] = { { &head, sizeof(head) }, { (void *)data, size } };

	return lane_send(iov, size ? 2 : 1) < 0 ? -errno : 0;
}

static struct raw_time time_of(struct statx_timestamp t)
{
	return (struct raw_time){ .sec = t.tv_sec, .nsec = t.tv_nsec };
}

void raw_timeout(double seconds, uint64_t *whole, uint32_t *nsec)
{
	*whole = (uint64_t)seconds;
	*nsec = (uint32_t)((seconds - (double)*whole) * 1e9);
}

/* What is asked for beside the usual is the birth time. */
static void serve_statx(void)
{
	struct raw_statx_out out = { 0 };
	node_id id = request_header()->nodeid;
	struct stat st;
	struct statx x;
	bool sure;
	int r = lower_stat_sure(id, &st, &sure);

	if (r == 0)
		r = lower_statx(id, &x);
	if (r < 0) {
		raw_answer(r, NULL, 0);
		return;
	}
	st.st_size = (off_t)x.stx_size;
	st.st_mtim = (struct timespec){ x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec };
	st.st_ctim = (struct timespec){ x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec };
	untold_attributes(id, &st, sure, true);
	raw_timeout(believe_for(sure), &out.attr_valid, &out.attr_valid_nsec);
	out.mask = x.stx_mask & (STATX_BASIC_STATS | STATX_BTIME);
	out.blksize = x.stx_blksize;
	out.attributes = x.stx_attributes;
	out.attributes_mask = x.stx_attributes_mask;
	out.nlink = x.stx_nlink;
	out.uid = x.stx_uid;
	out.gid = x.stx_gid;
	out.mode = x.stx_mode;
	out.ino = x.stx_ino;
	out.size = x.stx_size;
	out.blocks = x.stx_blocks;
	out.atime = time_of(x.stx_atime);
	out.btime = time_of(x.stx_btime);
	out.ctime = time_of(x.stx_ctime);
	out.mtime = time_of(x.stx_mtime);
	out.rdev_major = x.stx_rdev_major;
	out.rdev_minor = x.stx_rdev_minor;
	out.dev_major = x.stx_dev_major;
	out.dev_minor = x.stx_dev_minor;
	raw_answer(0, &out, sizeof(out));
}

struct fuse_attr raw_attr(const struct stat *st)
{
	return (struct fuse_attr){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = (uint64_t)st->st_atim.tv_sec,
		.mtime = (uint64_t)st->st_mtim.tv_sec,
		.ctime = (uint64_t)st->st_ctim.tv_sec,
		.atimensec = (uint32_t)st->st_atim.tv_nsec,
		.mtimensec = (uint32_t)st->st_mtim.tv_nsec,
		.ctimensec = (uint32_t)st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = (uint32_t)st->st_rdev,
		.blksize = (uint32_t)st->st_blksize,
	};
}

static int make_nameless(const struct fuse_create_in *in, int *fd)
{
	const struct fuse_in_header *h = request_header();
	struct dirfd *d;
	int r = dirs_get(h->nodeid, &d);

	if (r < 0)
		return r;
	caller_enter(h->uid, h->gid, in->umask);
	*fd = openat(d->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | (int)(in->flags & O_EXCL), in->mode);
	r = *fd < 0 ? -errno : 0;
	caller_leave();
	dirs_put(d);
	return r;
}

/*
 * A file without a name is a victim from its birth: held until FORGET. It is nobody's change before it
 * gets a name by LINK.
 */
static void serve_tmpfile(void)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out = { .open.open_flags = FOPEN_KEEP_CACHE };
	struct stat st;
	node_id id = 0;
	int fd = -1;
	int r = make_nameless(request_argument(), &fd);

	if (r == 0)
		r = lower_enter_nameless(fd, &id, &st);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		raw_answer(r, NULL, 0);
		return;
	}
	files_add(id, fd, true);
	out.entry.nodeid = id;
	out.entry.generation = id >> 32;
	raw_timeout(believe_for(false), &out.entry.attr_valid, &out.entry.attr_valid_nsec);
	out.entry.attr = raw_attr(&st);
	if (raw_answer(0, &out, sizeof(out)) == -ENOENT)
		counts_give_back(0, counts_taken());
}

bool raw_serve(void)
{
	switch (request_header()->opcode) {
	case RAW_STATX:
		if (feature_wanted(FEATURE_STATX))
			serve_statx();
		return feature_wanted(FEATURE_STATX);
	case RAW_TMPFILE:
		if (feature_wanted(FEATURE_TMPFILE))
			serve_tmpfile();
		return feature_wanted(FEATURE_TMPFILE);
	default:
		return false;
	}
}
