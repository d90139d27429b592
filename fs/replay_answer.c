/*
 * Requests of the helper, answered without touching the lower: what it does is only to be told by the
 * kernel. Lookups on its way are answered as they were when the change took place, everything that it
 * makes, removes, moves and sets with success. Whatever does not belong to the echo under way is refused.
 *
 * What is pretended has time-outs of 0: anybody else who comes by that name asks again, and hears the truth.
 */
#include "fs/believe.h"
#include "fs/counts.h"
#include "fs/lower.h"
#include "fs/ops.h"
#include "fs/raw.h"
#include "fs/replay.h"
#include "fs/window.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TIMES_AND_SIZE                                                                                         \
	(FATTR_SIZE | FATTR_ATIME | FATTR_MTIME | FATTR_CTIME | FATTR_ATIME_NOW | FATTR_MTIME_NOW | FATTR_FH | \
	 FATTR_LOCKOWNER | FATTR_KILL_SUIDGID)

static struct echo *under_way(void)
{
	return __atomic_load_n(&shared_replay->active, __ATOMIC_ACQUIRE) ? &shared_replay->echo : NULL;
}

static bool spot_is(const struct echo_spot *s, node_id dir, const char *name)
{
	node_id own = s->dir ? s->dir : shared_replay->nowhere;

	return own == dir && strcmp(s->name, name) == 0;
}

/* The directory on the way to the spot that has this name in that directory, or 0. */
static node_id on_way(const struct echo_spot *s, node_id dir, const char *name)
{
	const char *at = s->path;
	size_t len = strlen(name);
	node_id parent = NODE_ROOT;

	for (uint32_t i = 0; i < s->depth; i++) {
		size_t n = strcspn(at, "/");

		if (parent == dir && n == len && memcmp(at, name, n) == 0)
			return s->way[i];
		parent = s->way[i];
		at += n + (at[n] == '/');
	}
	return 0;
}

/* What is at this name now, and its attributes; nothing is taken or kept for the kernel. 0: none */
static node_id peek(node_id dir, const char *name)
{
	struct stat st;
	struct node *n;
	node_id id = 0;

	if (lower_look_up(dir, name, 0, &id, &st) < 0)
		return 0;
	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n)
		table_collect(n);
	pthread_mutex_unlock(&table_lock);
	return id;
}

/* Of what is not there any more. Permissions are asked of these: nobody else ever sees them. */
static struct stat attributes_of_gone(mode_t type)
{
	return (struct stat){
		.st_ino = UINT32_MAX,
		.st_mode = type | 0700,
		.st_nlink = S_ISDIR(type) ? 2 : 1,
		.st_uid = geteuid(),
		.st_gid = getegid(),
		.st_blksize = 4096,
	};
}

/*
 * The kernel is to keep its own idea of a file that is gone: its size above all, since a smaller one would take
 * the pages from whoever still has it mapped. Attributes that were asked for before such a notice do not count.
 */
static void keep_attributes(node_id id, mode_t type)
{
	if (S_ISREG(type))
		notify_attributes_old(id);
}

/* One that is known by no name and is nothing below: it lives until the kernel forgets it. */
static struct node *new_thrown_away(mode_t type)
{
	static uint64_t count;
	struct identity is = { .dev = UINT64_MAX,
			       .ino = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED),
			       .type = type };

	return table_new(&is);
}

/* A reference for the kernel to the node, or to a new one to be thrown away. 0, -ENOMEM */
static int take(uint64_t *id, mode_t *type)
{
	struct node *n;
	bool taken;

	pthread_mutex_lock(&table_lock);
	n = *id ? table_node(*id) : NULL;
	if (!n)
		n = new_thrown_away(*type);
	taken = n && counts_take(n);
	if (taken) {
		*id = table_id(n);
		*type = n->is.type;
	}
	pthread_mutex_unlock(&table_lock);
	return taken ? 0 : -ENOMEM;
}

static struct fuse_entry_out entry_of(node_id id, const struct stat *st, double timeout_s)
{
	struct fuse_entry_out out = { .nodeid = id, .generation = id >> 32, .attr = raw_attr(st) };

	raw_timeout(timeout_s, &out.entry_valid, &out.entry_valid_nsec);
	raw_timeout(timeout_s, &out.attr_valid, &out.attr_valid_nsec);
	return out;
}

static void send_entry(const struct fuse_entry_out *out)
{
	if (raw_answer(0, out, sizeof(*out)) == -ENOENT)
		counts_give_back(0, counts_taken());
}

/* As if the name still led to it. *id 0, or freed since: an object that is nothing. */
static void pretend(uint64_t *id, mode_t type, unsigned links)
{
	struct fuse_entry_out out;
	struct stat st;
	bool gone = !*id || node_stat(*id, &st) < 0;
	int r = take(id, &type);

	if (r < 0) {
		raw_answer(r, NULL, 0);
		return;
	}
	if (gone) {
		st = attributes_of_gone(type);
		keep_attributes(*id, type);
	} else {
		st.st_nlink += links;
	}
	out = entry_of(*id, &st, 0);
	send_entry(&out);
}

/* What has been made behind the mount, as it is by now. */
static void show_made(struct echo *e)
{
	const struct window_caller nobody = { 0 };
	struct fuse_entry_out out;
	struct stat st;
	node_id id;
	bool keep;

	if (lower_look_up(e->from.dir, e->from.name, 1, &id, &st) == 0) {
		if ((st.st_mode & S_IFMT) == e->type) {
			window_answer_begin();
			keep = window_asked(&nobody, e->from.dir, e->from.name, false, S_ISDIR(st.st_mode), 0);
			out = entry_of(id, &st, keep ? believe_after_change() : 0);
			send_entry(&out);
			window_answer_end();
			return;
		}
		counts_give_back(0, counts_taken());
	}
	pretend(&e->node, e->type, 0); /* it has gone again, or something else has its name */
}

/* The answer to the lookup of a name that plays a part in the echo. false: the truth will do */
static bool look_up_part(struct echo *e, node_id dir, const char *name)
{
	if (e->act == REPLAY_MOVE && spot_is(&e->to, dir, name)) {
		if (e->replaced)
			pretend(&e->replaced, e->type, 0);
		else
			raw_answer(-ENOENT, NULL, 0);
		return true;
	}
	if (!spot_is(&e->from, dir, name))
		return false;
	if (e->act == REPLAY_MAKE) {
		raw_answer(-ENOENT, NULL, 0);
		return true;
	}
	if (e->act == REPLAY_CHANGE && (!e->node || peek(dir, name) == e->node))
		return false;
	pretend(&e->node, e->type, e->act == REPLAY_REMOVE && S_ISREG(e->type));
	return true;
}

static bool look_up(node_id dir, const char *name)
{
	struct echo *e = under_way();
	node_id id;

	if (dir == NODE_ROOT && strcmp(name, shared->replay.token) == 0) {
		pretend(&shared_replay->nowhere, S_IFDIR, 0);
		return true;
	}
	if (!e)
		return false;
	if (look_up_part(e, dir, name))
		return true;
	id = on_way(&e->from, dir, name);
	if (!id && e->act == REPLAY_MOVE)
		id = on_way(&e->to, dir, name);
	if (!id || peek(dir, name) == id)
		return false;
	pretend(&id, S_IFDIR, 0);
	return true;
}

static mode_t type_of(node_id id)
{
	struct node *n;
	mode_t type;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	type = n ? n->is.type : 0;
	pthread_mutex_unlock(&table_lock);
	return type;
}

static void send_attributes(const struct stat *st, double timeout_s)
{
	struct fuse_attr_out out = { .attr = raw_attr(st) };

	raw_timeout(timeout_s, &out.attr_valid, &out.attr_valid_nsec);
	raw_answer(0, &out, sizeof(out));
}

/* Of what is only pretended the kernel asks whether the helper may. */
static bool get_attributes(node_id id)
{
	mode_t type = type_of(id);
	struct stat st;

	if (!type || node_stat(id, &st) == 0)
		return false;
	st = attributes_of_gone(type);
	keep_attributes(id, type);
	send_attributes(&st, 0);
	return true;
}

/* Nothing is set; the answer is how it is. */
static void set_attributes(node_id id, const struct fuse_setattr_in *in)
{
	const struct echo *e = under_way();
	mode_t type = type_of(id);
	struct stat st;

	if (!e || e->act != REPLAY_CHANGE || in->valid & ~TIMES_AND_SIZE || !type) {
		raw_answer(-EPERM, NULL, 0);
		return;
	}
	if (node_stat(id, &st) == 0) {
		send_attributes(&st, believe_after_change());
		return;
	}
	if (!(in->valid & FATTR_SIZE)) { /* else the kernel has just said what size it believes in */
		raw_answer(-ESTALE, NULL, 0);
		return;
	}
	st = attributes_of_gone(type);
	st.st_size = (off_t)in->size;
	send_attributes(&st, 0);
}

static void make(node_id dir, const char *name, mode_t type)
{
	struct echo *e = under_way();
	bool part = e && spot_is(&e->from, dir, name);

	if (part && e->act == REPLAY_MAKE && (type & S_IFMT) == e->type)
		show_made(e);
	else /* it only wanted the kernel to look (see refresh() in the helper) */
		raw_answer(-EEXIST, NULL, 0);
}

static void unname(node_id dir, const char *name)
{
	const struct echo *e = under_way();

	raw_answer(e && e->act == REPLAY_REMOVE && spot_is(&e->from, dir, name) ? 0 : -EPERM, NULL, 0);
}

static void move(node_id dir, node_id new_dir, const char *name)
{
	const struct echo *e = under_way();
	bool known = e && e->act == REPLAY_MOVE && spot_is(&e->from, dir, name) &&
		     spot_is(&e->to, new_dir, name + strlen(name) + 1);

	raw_answer(known ? 0 : -EPERM, NULL, 0);
}

static bool serve(const struct fuse_in_header *h, const void *argument)
{
	switch (h->opcode) {
	case FUSE_LOOKUP:
		return look_up(h->nodeid, argument);
	case FUSE_GETATTR:
		return get_attributes(h->nodeid);
	case FUSE_SETATTR:
		set_attributes(h->nodeid, argument);
		return true;
	case FUSE_MKNOD:
		make(h->nodeid, (const char *)argument + sizeof(struct fuse_mknod_in),
		     ((const struct fuse_mknod_in *)argument)->mode);
		return true;
	case FUSE_MKDIR:
		make(h->nodeid, (const char *)argument + sizeof(struct fuse_mkdir_in), S_IFDIR);
		return true;
	case FUSE_SYMLINK:
		make(h->nodeid, argument, S_IFLNK);
		return true;
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		unname(h->nodeid, argument);
		return true;
	case FUSE_RENAME:
		move(h->nodeid, ((const struct fuse_rename_in *)argument)->newdir,
		     (const char *)argument + sizeof(struct fuse_rename_in));
		return true;
	case FUSE_RENAME2:
		move(h->nodeid, ((const struct fuse_rename2_in *)argument)->newdir,
		     (const char *)argument + sizeof(struct fuse_rename2_in));
		return true;
	case FUSE_CREATE:
	case FUSE_LINK:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_FALLOCATE:
	case FUSE_COPY_FILE_RANGE:
	case FUSE_IOCTL:
		raw_answer(-EPERM, NULL, 0); /* it does none of these */
		return true;
	default:
		return false; /* WRITE too: it may have to carry what others have stored through mmap */
	}
}

bool replay_serve(void)
{
	const struct fuse_in_header *h = request_header();
	int32_t helper = __atomic_load_n(&shared->replay.pid, __ATOMIC_ACQUIRE);

	return helper && h->pid == (uint32_t)helper && serve(h, request_argument());
}
