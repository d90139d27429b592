/* Making names: create, mknod, mkdir, symlink, link. */
#include "core/base/log.h"
#include "fs/believe.h"
#include "fs/caller.h"
#include "fs/counts.h"
#include "fs/die.h"
#include "fs/files.h"
#include "fs/intent.h"
#include "fs/keep.h"
#include "fs/lower.h"
#include "fs/opens.h"
#include "fs/ops.h"
#include "fs/recent.h"
#include "fs/untold.h"
#include "fs/window.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static void names_changed(node_id dir)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(dir);
	if (n)
		table_names_changed(table_index(n));
	pthread_mutex_unlock(&table_lock);
}

struct making {
	uint32_t opcode;
	node_id dir;
	const char *name;
	mode_t mode;
	dev_t dev;
	const char *target; /* of a symlink */
	node_id linked;	    /* of a link */
	int flags;	    /* of a creation */
	int fd;		    /* out: of a creation, the caller closes; else -1 */
};

static int link_object(const struct making *m, int dirfd)
{
	AUTO_FD fd = node_open(m->linked, O_PATH);
	char path[FD_PATH_SIZE];

	if (fd < 0)
		return fd;
	/* AT_EMPTY_PATH would want CAP_DAC_READ_SEARCH; the descriptor's path does not */
	return linkat(AT_FDCWD, fd_path(fd, path), dirfd, m->name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/* It was made with rights that its owner does not have: he may give them to himself for a moment. */
static int open_made(const char *name, int dirfd)
{
	int fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 || errno != EACCES || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return fd < 0 ? -errno : fd;
	if (fchmodat(dirfd, name, 0600, 0))
		return -errno;
	fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	if (fchmodat(dirfd, name, st.st_mode & 07777, 0))
		log_error("event=mode_lost mode=%o error=\"%s\"", st.st_mode, strerror(errno));
	return fd;
}

/* What a dead worker was about to do when it died: has it been done? */
static bool is_made(const struct making *m, const struct intent *i, int dirfd)
{
	if (!intent_is_doubtful(i))
		return false;
	if (m->opcode == FUSE_LINK)
		return intent_leads_to(dirfd, m->name, m->linked);
	return intent_made(i, dirfd, m->name);
}

static int create_file(struct making *m, int dirfd)
{
	m->fd = openat(dirfd, m->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, m->mode);
	return m->fd < 0 ? -errno : 0;
}

static int carry_out(struct making *m, int dirfd)
{
	int r;

	switch (m->opcode) {
	case FUSE_CREATE:
		return create_file(m, dirfd);
	case FUSE_MKDIR:
		r = mkdirat(dirfd, m->name, m->mode);
		break;
	case FUSE_SYMLINK:
		r = symlinkat(m->target, dirfd, m->name);
		break;
	case FUSE_LINK:
		return link_object(m, dirfd);
	default:
		r = mknodat(dirfd, m->name, m->mode, m->dev);
		break;
	}
	return r ? -errno : 0;
}

static int make_once(struct making *m, const struct intent *i, const struct fuse_ctx *ctx, int dirfd)
{
	int r;

	if (intent_is_over(i, &r) || is_made(m, i, dirfd)) {
		r = intent_is_doubtful(i) ? 0 : r;
		if (r == 0 && m->opcode == FUSE_CREATE)
			m->fd = open_made(m->name, dirfd);
		return r;
	}
	caller_enter(ctx->uid, ctx->gid, ctx->umask);
	r = carry_out(m, dirfd);
	caller_leave();
	die_at(DIE_CALL);
	/*
	 * A cached negative name and a file made behind the mount: the kernel has not asked whether the caller may
	 * open it. ESTALE makes it look the name up once more and decide then; without O_EXCL that is a success.
	 */
	if (r == -EEXIST && m->opcode == FUSE_CREATE && !(m->flags & O_EXCL))
		r = -ESTALE;
	return r;
}

static int make(fuse_req_t req, struct making *m)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct observe_op op = observe_of(req, OBSERVE_CREATE);
	struct intent *intent;
	struct dirfd *d;
	int r;

	m->fd = -1;
	op.dir = m->dir;
	op.name = m->name;
	op.mode = m->mode;
	op.node = m->linked;
	op.truncates = m->flags & O_TRUNC;
	r = dirs_get(m->dir, &d);
	if (r < 0)
		return r;
	r = observe_before(&op);
	if (r == 0) {
		intent = intent_begin(&(struct intent){ .opcode = m->opcode, .dir = m->dir, .node = m->linked });
		r = make_once(m, intent, ctx, d->fd);
		names_changed(m->dir);
		intent_done(intent, r);
		observe_after(&op, r);
		if (r == 0)
			believe_changed(&op);
	}
	dirs_put(d);
	return r;
}

void op_mknod(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, dev_t dev)
{
	struct making m = { .opcode = FUSE_MKNOD, .dir = dir, .name = name, .mode = mode, .dev = dev };
	int r = make(req, &m);

	if (r < 0)
		reply_error(req, r);
	else
		reply_entry(req, dir, name);
}

void op_mkdir(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode)
{
	struct making m = { .opcode = FUSE_MKDIR, .dir = dir, .name = name, .mode = mode };
	int r = make(req, &m);

	if (r < 0)
		reply_error(req, r);
	else
		reply_entry(req, dir, name);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t dir, const char *name)
{
	struct making m = { .opcode = FUSE_SYMLINK, .dir = dir, .name = name, .mode = S_IFLNK, .target = target };
	int r = make(req, &m);

	if (r < 0)
		reply_error(req, r);
	else
		reply_entry(req, dir, name);
}

/*
 * A file made without a name (O_TMPFILE) has one now and is reached by it. The kernel lets nobody remove a name
 * of a file that is being linked.
 */
static void victim_let_go(node_id id, node_id dir, const char *name)
{
	struct node *n, *d;
	int fd = -1;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	d = table_node(dir);
	if (n && d && table_local(table_index(n))->victim_fd >= 0 && table_add_name(n, table_index(d), name) == 0) {
		fd = take_fd(&table_local(table_index(n))->victim_fd);
		files_victim_gone();
		keep_drop(KEEP_VICTIM, id);
	}
	pthread_mutex_unlock(&table_lock);
	if (fd >= 0)
		close(fd);
}

void op_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t dir, const char *name)
{
	struct making m = { .opcode = FUSE_LINK, .dir = dir, .name = name, .linked = id };
	int r = make(req, &m);

	if (r < 0) {
		reply_error(req, r);
		return;
	}
	victim_let_go(id, dir, name);
	reply_entry(req, dir, name);
}

/*
 * The new file's descriptor is at hand: what is written next need not open it again. Without root,
 * and with a mode that its owner may not open again (git makes 0444 and then writes), it is the only
 * one there will be.
 */
static void keep_open(node_id id, int fd, mode_t mode)
{
	files_add(id, fd, !caller_privileged() && (mode & 0600) != 0600);
}

static bool is_file(int fd, const struct stat *st)
{
	struct identity is;
	struct stat own;

	return lower_identify(fd, "", &is, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino;
}

/*
 * The name leads elsewhere already: somebody behind the mount was quick. Who has made the file has it all the same, without
 * a name; what is there now is not his to write into, nor is its node to lead to his.
 */
static int enter_made(int fd, struct found_name *f, bool *named)
{
	counts_give_back(0, counts_taken());
	*f = (struct found_name){ .id = 0 };
	*named = false;
	return lower_enter_nameless(fd, &f->id, &f->st);
}

/* Handle 0 and no state: no RELEASE will ever come for it. */
void op_create(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct making m = { .opcode = FUSE_CREATE, .dir = dir, .name = name, .mode = mode, .flags = fi->flags };
	struct fuse_entry_param e = { 0 };
	struct window_caller who;
	struct found_name f;
	bool named = true;
	int r = make(req, &m);

	if (r == 0)
		r = lower_look_up_sure(dir, name, 1, &f);
	if (m.fd >= 0 && (r == -ENOENT || (r == 0 && !is_file(m.fd, &f.st))))
		r = enter_made(m.fd, &f, &named);
	if (r < 0) {
		if (m.fd >= 0)
			close(m.fd);
		reply_error(req, r);
		return;
	}
	if (m.fd >= 0)
		keep_open(f.id, m.fd, mode);
	recent_note(&recent_made, f.id);
	if (!f.was_known)
		untold_attributes(f.id, &f.st, f.sure, false);
	e.attr = f.st;
	e.attr_timeout = f.was_known ? believe_after_change() : believe_for(f.sure);
	e.entry_timeout = named ? believe_name(&f, true) : 0;
	e.ino = f.id;
	e.generation = f.id >> 32;
	fi->fh = 0;
	fi->keep_cache = 1;
	opens_note(fuse_req_ctx(req)->pid, f.id, OPEN_CONTENT);
	window_who(fuse_req_ctx(req)->pid, &who);
	window_answer_begin();
	window_made(&who, dir, name);
	if (!window_asked(&who, dir, name, false, false, e.entry_timeout))
		e.entry_timeout = 0;
	if (fuse_reply_create(req, &e, fi) == -ENOENT)
		counts_give_back(0, counts_taken());
	window_answer_end();
}
