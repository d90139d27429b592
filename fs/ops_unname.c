/*
 * Removing and moving names: unlink, rmdir, rename. A node that is about to lose its last name is held
 * until FORGET, or an open file would vanish, or an old descriptor write into the new file.
 */
#include "core/base/log.h"
#include "fs/believe.h"
#include "fs/caller.h"
#include "fs/die.h"
#include "fs/files.h"
#include "fs/intent.h"
#include "fs/keep.h"
#include "fs/lower.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/sidedoor.h"
#include "fs/window.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* With table_lock: how many names the node is known by. */
static bool has_one_name(const struct node *n)
{
	return n->names && !table_name(n->names)->next_of_node;
}

/*
 * The node known by this name, and whether it is to be held when it loses it; only_name: it is known by no other,
 * else those may have gone behind the mount. 0: none.
 */
static node_id victim_of(node_id dir, const char *name, struct identity *is, bool *hold, bool *only_name, bool *room)
{
	struct node *d, *n;
	node_id id = 0;

	pthread_mutex_lock(&table_lock);
	d = table_node(dir);
	n = d ? table_child(table_index(d), name) : NULL;
	if (n) {
		id = table_id(n);
		*is = n->is;
		*hold = table_local(table_index(n))->victim_fd < 0;
		*only_name = has_one_name(n);
		*room = files_victim_room();
	}
	pthread_mutex_unlock(&table_lock);
	return id;
}

static void victim_set(node_id id, int fd)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n && table_local(table_index(n))->victim_fd < 0) {
		table_local(table_index(n))->victim_fd = take_fd(&fd);
		files_victim_added();
	}
	pthread_mutex_unlock(&table_lock);
	if (fd >= 0)
		close(fd);
}

/*
 * Before the system call: afterwards it is gone. *held is the node, or 0 when there was no need; else *st is what the
 * name leads to.
 * -ENFILE: so many removed files are still open that no descriptor is left for one more.
 */
static int victim_hold(node_id dir, int dirfd, const char *name, node_id *known, node_id *held, struct stat *st)
{
	struct identity want, is;
	bool hold = false;
	bool only_name = false;
	bool room = true;
	AUTO_FD fd = -1;
	int r;

	*held = 0;
	*known = victim_of(dir, name, &want, &hold, &only_name, &room);
	if (!*known || !hold)
		return 0;
	if (only_name && !room) {
		log_error("event=victims_full dir=%#lx error=ENFILE hint=\"raise the limit of open files (ulimit -n)\"", dir);
		return -ENFILE;
	}
	fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = lower_identify(fd, "", &is, st);
	if (r < 0 || !identity_equal(&is, &want) || (!only_name && (st->st_nlink > 1 || !room)))
		return r;
	st->st_ino = is.ino; /* the lower's own, not as it is shown */
	keep_send(KEEP_VICTIM, *known, fd); /* first; then it is noted as kept */
	victim_set(*known, take_fd(&fd));
	*held = *known;
	return 0;
}

/* The call has failed: the node has its name still. */
static void victim_release(node_id held)
{
	struct node *n;
	int fd = -1;

	if (!held)
		return;
	pthread_mutex_lock(&table_lock);
	n = table_node(held);
	if (n && table_local(table_index(n))->victim_fd >= 0) {
		fd = take_fd(&table_local(table_index(n))->victim_fd);
		files_victim_gone();
		keep_drop(KEEP_VICTIM, held);
	}
	pthread_mutex_unlock(&table_lock);
	if (fd >= 0)
		close(fd);
}

/* One that nobody else keeps is freed when its name goes; the observer still wants it. */
static void pin(node_id id, int by)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = id ? table_node(id) : NULL;
	if (n) {
		table_local(table_index(n))->pins += (unsigned)by;
		table_collect(n);
	}
	pthread_mutex_unlock(&table_lock);
}

static void drop_name(node_id dir, const char *name)
{
	struct node *d;

	pthread_mutex_lock(&table_lock);
	d = table_node(dir);
	if (d)
		table_drop_name(table_index(d), name);
	pthread_mutex_unlock(&table_lock);
}

/* The system call, and the table after it, unless a dead worker has got that far. */
static int remove_once(const struct intent *i, const char *name, int dirfd)
{
	struct identity is;
	int r;

	if (intent_is_over(i, &r))
		return r;
	if (intent_is_doubtful(i) &&
	    (intent_look(dirfd, name, &is) == -ENOENT || (i->node && !intent_leads_to(dirfd, name, i->node))))
		r = 0;
	else
		r = unlinkat(dirfd, name, i->opcode == FUSE_RMDIR ? AT_REMOVEDIR : 0) ? -errno : 0;
	die_at(DIE_CALL);
	if (r == 0)
		drop_name(i->dir, name);
	return r;
}

static int remove_name(fuse_req_t req, uint32_t opcode, node_id dir, const char *name)
{
	struct observe_op op = observe_of(req, OBSERVE_REMOVE);
	struct intent *intent;
	struct dirfd *d;
	struct stat st;
	node_id held = 0;
	int r = dirs_get(dir, &d);

	if (r < 0)
		return r;
	op.dir = dir;
	op.name = name;
	if (intent_found())
		op.node = intent_found()->node; /* held already; the table may have dropped the name */
	else
		r = victim_hold(dir, d->fd, name, &op.node, &held, &st);
	op.found = held ? &st : NULL;
	pin(op.node, 1);
	if (r == 0) {
		r = observe_before(&op);
		if (r == 0) {
			intent = intent_begin(&(struct intent){ .opcode = opcode, .dir = dir, .node = op.node });
			r = remove_once(intent, name, d->fd);
			intent_done(intent, r);
			observe_after(&op, r);
			if (r == 0)
				believe_changed(&op);
		}
		if (r < 0)
			victim_release(held);
	}
	pin(op.node, -1);
	dirs_put(d);
	return r;
}

void op_unlink(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	reply_error(req, remove_name(req, FUSE_UNLINK, dir, name));
}

void op_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	reply_error(req, remove_name(req, FUSE_RMDIR, dir, name));
}

/* ---- rename ---- */

/* The name leads to this node now (NULL: to one that is not known). */
static void set_name(struct node *n, uint32_t dir, const char *name)
{
	if (n)
		table_add_name(n, dir, name); /* takes it from whoever had it */
	else
		table_drop_name(dir, name);
}

/*
 * The table as the lower is now. What was where is told by the ids from before the system call: by now
 * somebody may have looked the new name up, and so have found the moved node there.
 */
static void names_moved(const struct observe_op *op)
{
	struct node *dir, *new_dir;
	uint32_t from, to;

	if (op->node && op->node == op->new_node)
		return; /* two names of one file: rename does nothing */
	pthread_mutex_lock(&table_lock);
	dir = table_node(op->dir);
	new_dir = table_node(op->new_dir);
	if (dir && new_dir) {
		from = table_index(dir);
		to = table_index(new_dir);
		table_names_changed(from);
		table_names_changed(to);
		set_name(table_node(op->node), to, op->new_name);
		set_name(op->rename_flags & RENAME_EXCHANGE ? table_node(op->new_node) : NULL, from, op->name);
	}
	pthread_mutex_unlock(&table_lock);
}

/* Had a dead worker made the system call before it died? */
static bool is_moved(const struct observe_op *op, int from, int to)
{
	struct identity is;

	if (op->node == op->new_node && op->node)
		return false; /* two names of one file: to rename them does nothing, again and again */
	if (op->rename_flags & RENAME_EXCHANGE)
		return intent_leads_to(to, op->new_name, op->node) && intent_leads_to(from, op->name, op->new_node);
	/* a whiteout stands where it was */
	return ((op->rename_flags & RENAME_WHITEOUT) || intent_look(from, op->name, &is) == -ENOENT) &&
	       intent_leads_to(to, op->new_name, op->node);
}

/* A whiteout that is left behind is a new object: the caller's. */
static int rename_as_caller(const struct observe_op *op, int from, int to)
{
	const struct fuse_in_header *h = request_header();
	bool makes = op->rename_flags & RENAME_WHITEOUT;
	int r;

	if (makes)
		caller_enter(h->uid, h->gid, 0);
	r = renameat2(from, op->name, to, op->new_name, op->rename_flags) ? -errno : 0;
	if (makes)
		caller_leave();
	return r;
}

static int rename_between(struct observe_op *op, int from, int to)
{
	struct intent *intent = intent_begin(&(struct intent){
		.opcode = FUSE_RENAME2, .dir = op->dir, .node = op->node, .other = op->new_node });
	int r;

	if (intent_is_over(intent, &r))
		return r;
	lower_move_begin();
	if (intent_is_doubtful(intent) && is_moved(op, from, to))
		r = 0;
	else
		r = rename_as_caller(op, from, to);
	die_at(DIE_CALL);
	if (r == 0)
		names_moved(op);
	lower_move_end();
	intent_done(intent, r);
	return r;
}

/* What the two names lead to before the rename; whoever is replaced by it is held. */
static int find_both(struct observe_op *op, int to, node_id *held)
{
	const struct intent *found = intent_found();
	struct stat st;

	*held = 0;
	if (found) { /* by now the table may say otherwise */
		op->node = found->node;
		op->new_node = found->other;
		return 0;
	}
	op->node = node_child(op->dir, op->name);
	if (!(op->rename_flags & RENAME_EXCHANGE))
		return victim_hold(op->new_dir, to, op->new_name, &op->new_node, held, &st);
	op->new_node = node_child(op->new_dir, op->new_name);
	return 0;
}

static int observed_rename(struct observe_op *op, int from, int to)
{
	node_id held;
	int r = find_both(op, to, &held);

	if (r < 0)
		return r;
	pin(op->node, 1);
	pin(op->new_node, 1);
	r = observe_before(op);
	if (r == 0) {
		r = rename_between(op, from, to);
		observe_after(op, r);
		if (r == 0)
			believe_changed(op);
	}
	if (r < 0 || op->node == op->new_node)
		victim_release(held);
	pin(op->new_node, -1);
	pin(op->node, -1);
	return r;
}

static bool is_directory(node_id dir, const char *name)
{
	node_id id = node_child(dir, name);
	const struct node *n;
	bool is;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	is = n && S_ISDIR(n->is.type);
	pthread_mutex_unlock(&table_lock);
	return is;
}

/* The kernel goes on believing what it knows of what has moved: not where nobody would tell us. */
static void arrived_at(node_id dir, const char *name, node_id id)
{
	if (!id || sidedoor_is_sure(dir))
		return;
	notify_expire(dir, name);
	notify_invalidate(id);
}

static void forget_certainty(const struct observe_op *op)
{
	arrived_at(op->new_dir, op->new_name, op->node);
	if (op->rename_flags & RENAME_EXCHANGE)
		arrived_at(op->dir, op->name, op->new_node);
}

void op_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t new_dir, const char *new_name,
	       unsigned flags)
{
	struct observe_op op = observe_of(req, OBSERVE_RENAME);
	struct window_caller who;
	struct dirfd *from = NULL;
	struct dirfd *to = NULL;
	int r = dirs_get(dir, &from);

	op.dir = dir;
	op.name = name;
	op.new_dir = new_dir;
	op.new_name = new_name;
	op.rename_flags = flags;
	if (r == 0)
		r = dirs_get(new_dir, &to);
	if (r == 0)
		r = observed_rename(&op, from->fd, to->fd);
	if (r == 0) {
		window_who(op.tid, &who);
		window_made(&who, new_dir, new_name);
		window_renamed(dir, name, new_dir, new_name, is_directory(new_dir, new_name));
	}
	if (r == 0 && (flags & RENAME_EXCHANGE))
		window_renamed(new_dir, new_name, dir, name, is_directory(dir, name));
	if (r == 0 && shared->config.long_cache)
		forget_certainty(&op);
	dirs_put(to);
	dirs_put(from);
	reply_error(req, r);
}
