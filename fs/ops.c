/* What all operations share, those without a file of their own, and the table of them. */
#include "fs/ops.h"
#include "core/base/log.h"
#include "fs/believe.h"
#include "fs/counts.h"
#include "fs/feature.h"
#include "fs/lower.h"
#include "fs/notify.h"
#include "fs/opens.h"
#include "fs/recent.h"
#include "fs/untold.h"
#include "fs/window.h"
#include <errno.h>

#define FMODE_EXEC 0x20 /* of the kernel's include/linux/fs.h: execve opens */

struct ops_options ops_options;

void reply_error(fuse_req_t req, int error)
{
	fuse_reply_err(req, -error);
}

struct observe_op observe_of(fuse_req_t req, enum observe_kind kind)
{
	return (struct observe_op){ .kind = kind, .tid = fuse_req_ctx(req)->pid };
}

static void forget_one(node_id id, uint64_t count, uint32_t i)
{
	bool answered = false;
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = id == NODE_ROOT ? NULL : table_node(id);
	counts_forget(n, count, i);
	if (n) {
		answered = n->lookups;
		table_collect(n);
	}
	pthread_mutex_unlock(&table_lock);
	/* an answer about it is on its way, and makes an inode (before kernel 6.14) that has heard no notice since */
	if (answered && shared->config.long_cache)
		notify_invalidate(id);
}

static void op_forget(fuse_req_t req, fuse_ino_t id, uint64_t count)
{
	forget_one(id, count, 0);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget_one(forgets[i].ino, forgets[i].nlookup, (uint32_t)i);
	fuse_reply_none(req);
}

static void answer_entry(fuse_req_t req, node_id dir, const char *name, bool made)
{
	struct found_name f;
	struct fuse_entry_param e = { 0 };
	struct window_caller who;
	int r = lower_look_up_sure(dir, name, 1, &f);

	if (r < 0 && (r != -ENOENT || made)) {
		reply_error(req, r);
		return;
	}
	if (r == 0) {
		if (made)
			recent_note(&recent_made, f.id);
		if (!made || !f.was_known)
			untold_attributes(f.id, &f.st, f.sure, f.was_known);
		e.attr = f.st;
		e.attr_timeout = made && f.was_known ? believe_after_change() : believe_for(f.sure);
	}
	e.entry_timeout = r == 0 ? believe_name(&f, true) : believe_absent(&f);
	e.ino = f.id;
	e.generation = f.id >> 32;
	window_who(fuse_req_ctx(req)->pid, &who);
	window_answer_begin();
	if (made)
		window_made(&who, dir, name);
	if (!window_asked(&who, dir, name, r < 0, S_ISDIR(e.attr.st_mode), e.entry_timeout))
		e.entry_timeout = 0;
	if (fuse_reply_entry(req, &e) == -ENOENT)
		counts_give_back(0, counts_taken()); /* the caller was killed meanwhile: nobody took the reference */
	window_answer_end();
}

void reply_entry(fuse_req_t req, node_id dir, const char *name)
{
	answer_entry(req, dir, name, true);
}

/* Absent is an answer, and cached like others. */
static void op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	if (dir == NODE_ROOT)
		notify_root_known();
	answer_entry(req, dir, name, false);
}

/*
 * ENOSYS, once: the kernel opens without asking from then on, and no open file has state here. An
 * operation left out of the table would not do, libfuse answers success for it.
 * Where opens are to be seen the answer is what the kernel takes for granted otherwise.
 */
static void answer_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi, unsigned how)
{
	if (!shared->config.answer_opens) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	opens_note(fuse_req_ctx(req)->pid, id, how);
	fi->fh = 0;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void op_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	answer_open(req, id, fi, OPEN_CONTENT | (fi->flags & FMODE_EXEC ? OPEN_EXECUTED : 0));
}

static void op_opendir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	fi->cache_readdir = 1;
	answer_open(req, id, fi, OPEN_LISTED);
}

static const struct {
	enum feature feature;
	unsigned flag;
} probed[] = {
	{ FEATURE_READDIRPLUS, FUSE_CAP_READDIRPLUS },
	{ FEATURE_PARALLEL_DIROPS, FUSE_CAP_PARALLEL_DIROPS },
	{ FEATURE_SYMLINK_CACHE, FUSE_CAP_CACHE_SYMLINKS },
	{ FEATURE_POSIX_ACL, FUSE_CAP_POSIX_ACL },
};

static void op_init(void *data, struct fuse_conn_info *conn)
{
	unsigned want = FUSE_CAP_ASYNC_READ | FUSE_CAP_DONT_MASK | FUSE_CAP_IOCTL_DIR;

	for (size_t i = 0; i < ARRAY_SIZE(probed); i++) {
		if (feature_wanted(probed[i].feature))
			want |= probed[i].flag;
	}
	/* pages are dropped when times or size differ; where we say when (fs/untold.h), or nobody else writes, only then */
	if (ops_options.sole_writer && feature_wanted(FEATURE_EXPLICIT_INVAL))
		want |= FUSE_CAP_EXPLICIT_INVAL_DATA;
	else if (!shared->config.long_cache)
		want |= FUSE_CAP_AUTO_INVAL_DATA;

	/*
	 * Not wanted: ATOMIC_O_TRUNC (without OPEN the truncation would be lost), the writeback cache
	 * (every write must be seen), locks (the kernel's own do), READDIRPLUS_AUTO (always is better:
	 * a listing is followed by stats), ASYNC_DIO (after a direct write that was submitted so, the kernel
	 * leaves pages that were read meanwhile as they were).
	 */
	conn->want = want & conn->capable;
	conn->max_write = MAX_WRITE;
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->time_gran = 1;
	log_debug("event=init capable=%#x want=%#x", conn->capable, conn->want);
}

const struct fuse_lowlevel_ops ops_table = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.open = op_open,
	.opendir = op_opendir,
	.read = op_read,
	.write = op_write,
	.fsync = op_fsync,
	.fallocate = op_fallocate,
	.copy_file_range = op_copy_file_range,
	.lseek = op_lseek,
	.ioctl = op_ioctl,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.fsyncdir = op_fsyncdir,
	.create = op_create,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.link = op_link,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
};
