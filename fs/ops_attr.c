#include "fs/believe.h"
#include "fs/caller.h"
#include "fs/die.h"
#include "fs/files.h"
#include "fs/lower.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/untold.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

void op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct stat st;
	bool sure;
	int r = lower_stat_sure(id, &st, &sure);

	if (r < 0) {
		reply_error(req, r);
		return;
	}
	if (id == NODE_ROOT && !notify_root_is_known())
		sure = false; /* no notice would be sent */
	untold_attributes(id, &st, sure, true);
	fuse_reply_attr(req, &st, believe_for(sure));
}

static struct timespec time_to_set(int set, int flag, int flag_now, struct timespec given)
{
	if (set & flag_now)
		return (struct timespec){ 0, UTIME_NOW };
	return set & flag ? given : (struct timespec){ 0, UTIME_OMIT };
}

/*
 * Without root the owner's own rights decide what the daemon may open again; who has the file open
 * now goes on reading and writing, so a descriptor is kept.
 */
static void keep_rights(node_id id, mode_t mode)
{
	int fd;

	if (caller_privileged() || (mode & 0600) == 0600)
		return;
	fd = node_open(id, O_RDWR);
	if (fd >= 0)
		files_add(id, fd, true);
}

static int stat_open(int fd, struct stat *st)
{
	struct identity is;

	return lower_identify(fd, "", &is, st);
}

static int set_size(fuse_req_t req, node_id id, off_t size, bool kill_set_ids, struct stat *now)
{
	AUTO_FILE f = NULL;
	int r = files_get(id, true, &f);

	if (r == 0 && kill_set_ids)
		r = clear_set_ids(req, f->fd);
	if (r < 0)
		return r;
	return ftruncate(f->fd, size) ? -errno : stat_open(f->fd, now);
}

static int set_mode(int fd, bool opened, mode_t mode)
{
	char path[FD_PATH_SIZE];

	return (opened ? fchmod(fd, mode) : chmod(fd_path(fd, path), mode)) ? -errno : 0;
}

static int set_times(int fd, bool opened, const struct timespec times[2])
{
	char path[FD_PATH_SIZE];

	return (opened ? futimens(fd, times) : utimensat(AT_FDCWD, fd_path(fd, path), times, 0)) ? -errno : 0;
}

/* opened: the descriptor is more than O_PATH */
static int set_each(node_id id, int fd, bool opened, const struct stat *st, int set)
{
	struct timespec times[2] = {
		time_to_set(set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, st->st_atim),
		time_to_set(set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, st->st_mtim),
	};
	int r = 0;

	if (set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		uid_t uid = set & FUSE_SET_ATTR_UID ? st->st_uid : (uid_t)-1;
		gid_t gid = set & FUSE_SET_ATTR_GID ? st->st_gid : (gid_t)-1;

		r = fchownat(fd, "", uid, gid, AT_EMPTY_PATH) ? -errno : 0;
	}
	if (r == 0 && (set & FUSE_SET_ATTR_MODE)) {
		keep_rights(id, st->st_mode);
		r = set_mode(fd, opened, st->st_mode & 07777);
	}
	if (r == 0 && (set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW)))
		r = set_times(fd, opened, times);
	return r;
}

/* What has just been written is open still, and need not be opened once more; but its name is to lead to it. */
static int set_others(node_id id, const struct stat *st, int set, struct stat *now)
{
	AUTO_FILE f = files_at_hand(id);
	AUTO_FD fd = f ? -1 : node_open(id, O_PATH);
	int r = f ? node_stat(id, now) : fd;

	if (r >= 0)
		r = set_each(id, f ? f->fd : fd, f, st, set);
	return r < 0 ? r : stat_open(f ? f->fd : fd, now);
}

static struct observe_op observe_set(fuse_req_t req, fuse_ino_t id, const struct stat *st, int set)
{
	struct observe_op op = observe_of(req, OBSERVE_ATTR);

	op.node = id;
	if (set & FUSE_SET_ATTR_SIZE) {
		op.kind = OBSERVE_TRUNCATE;
		op.size = (uint64_t)st->st_size;
	} else if (set & FUSE_SET_ATTR_MODE) {
		op.kind = OBSERVE_MODE;
		op.mode = st->st_mode;
	}
	return op;
}

void op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *st, int set, struct fuse_file_info *fi)
{
	const struct fuse_setattr_in *in = request_argument();
	bool kill = in->valid & FATTR_KILL_SUIDGID;
	struct observe_op op = observe_set(req, id, st, set);
	struct stat now;
	int r = observe_before(&op);

	if (r < 0) {
		reply_error(req, r);
		return;
	}
	if (set & FUSE_SET_ATTR_SIZE)
		r = set_size(req, id, st->st_size, kill, &now);
	if (r == 0 && set != FUSE_SET_ATTR_SIZE)
		r = set_others(id, st, set, &now);
	die_at(DIE_CALL);
	observe_after(&op, r);
	if (r < 0)
		reply_error(req, r);
	else
		fuse_reply_attr(req, &now, believe_after_change());
}

void op_readlink(fuse_req_t req, fuse_ino_t id)
{
	char target[PATH_MAX + 1];
	AUTO_FD fd = node_open(id, O_PATH);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, PATH_MAX);

	if (n < 0) {
		reply_error(req, fd < 0 ? fd : -errno);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

void op_statfs(fuse_req_t req, fuse_ino_t id)
{
	AUTO_FD fd = id ? node_open(id, O_PATH) : fcntl(dirs_root(), F_DUPFD_CLOEXEC, 0);
	struct statvfs st;

	if (fd < 0 || fstatvfs(fd, &st))
		reply_error(req, fd < 0 && id ? fd : -errno);
	else
		fuse_reply_statfs(req, &st);
}
