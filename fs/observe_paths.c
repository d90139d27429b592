#include "fs/observe_paths.h"
#include "fs/dirs.h"
#include "fs/observe_moves.h"
#include "fs/observe_trace.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

const char *observed_path(const struct observed *o, size_t i)
{
	return o->text.data + o->paths[i].at;
}

void observed_done(struct observed *o)
{
	buf_done(&o->text);
	free(o->paths);
	*o = (struct observed){ 0 };
}

static int grow(struct observed *o)
{
	size_t room = o->room ? o->room * 2 : 4;
	struct observed_path *more;

	if (o->count < o->room)
		return 0;
	more = reallocarray(o->paths, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	o->paths = more;
	o->room = room;
	return 0;
}

static int add_one(struct observed *o, const char *path, unsigned touch, enum path_role role)
{
	size_t at = o->text.len;
	int r = grow(o);

	if (r == 0)
		r = buf_put(&o->text, path, strlen(path) + 1);
	if (r == 0)
		o->paths[o->count++] = (struct observed_path){ .at = at, .touch = touch, .role = role };
	return r;
}

/* The path has been marked since the move: what it had is known from then. */
static bool marked_since(const char *path, tick_t move)
{
	uint32_t mark = journal_mark_of(observe_journal(), path);
	struct mark m;
	struct trace t;

	if (!mark || !journal_mark(observe_journal(), mark, &m))
		return false;
	t = trace_of(mark, m.first_ns);
	return (t.tick ? t.tick : m.first) > move;
}

/*
 * Below a directory that has moved in this batch, what is found now was elsewhere at its start: the
 * path there gets a mark too, for it has lost what it had.
 */
static int add_origins(struct observed *o, enum path_role role, bool exists)
{
	AUTO_BUF origin = { 0 };
	struct moved moved = { .tick = TICK_ANY };

	for (;;) {
		size_t last = o->count - 1;
		int r = moves_ask(observed_path(o, last), moved.tick, &moved, &origin);

		if (r < 0 || moved.how == MOVED_NOT || marked_since(observed_path(o, last), moved.tick))
			return r;
		o->paths[last].was = moved.how == MOVED_HERE && !moved.exchange ? WAS_ABSENT : WAS_UNKNOWN;
		o->paths[last].came = moved.old_mark;
		if (moved.how == MOVED_AWAY || !exists)
			return 0;
		r = add_one(o, buf_str(&origin), TOUCH_NAME, PATH_ORIGIN);
		if (r < 0)
			return r;
		o->paths[o->count - 1].origin_of = role;
		o->paths[o->count - 1].went = moved.old_mark;
	}
}

static int add(struct observed *o, const char *path, unsigned touch, enum path_role role, bool exists)
{
	int r = add_one(o, path, touch, role);

	return r < 0 ? r : add_origins(o, role, exists);
}

static int look(node_id dir, const char *name, struct named *out)
{
	struct dirfd *d;
	int r = dirs_get(dir, &d);

	if (r < 0)
		return r;
	out->error = fstatat(d->fd, name, &out->st, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
	out->exists = out->error == 0;
	dirs_put(d);
	return 0;
}

static int add_named(struct observed *o, node_id dir, const char *name, unsigned touch, enum path_role role)
{
	struct named *n = role == PATH_TO ? &o->new_name : &o->name;
	AUTO_BUF path = { 0 };
	int r = node_child_path(dir, name, &path);

	return r < 0 ? r : add(o, buf_str(&path), touch, role, n->exists);
}

static int collect_named(struct observed *o, const struct observe_op *op)
{
	bool made = op->kind == OBSERVE_CREATE;
	int r = 0;

	if (op->found)
		o->name = (struct named){ .exists = true, .st = *op->found };
	else
		r = look(op->dir, op->name, &o->name);

	if (r < 0)
		return r;
	return add_named(o, op->dir, op->name, TOUCH_NAME | (made ? TOUCH_CONTENT : 0), made ? PATH_MADE : PATH_FROM);
}

static bool is_dir(const struct named *n)
{
	return n->exists && S_ISDIR(n->st.st_mode);
}

static int collect_rename(struct observed *o, const struct observe_op *op)
{
	bool exchange = op->rename_flags & RENAME_EXCHANGE;
	unsigned touch = TOUCH_NAME;
	int r = look(op->dir, op->name, &o->name);

	if (r == 0)
		r = look(op->new_dir, op->new_name, &o->new_name);
	if (is_dir(&o->name) || (exchange && is_dir(&o->new_name)))
		touch |= TOUCH_TREE;
	if (r == 0)
		r = add_named(o, op->dir, op->name, touch, PATH_FROM);
	if (r == 0)
		r = add_named(o, op->new_dir, op->new_name, touch, PATH_TO);
	return r;
}

struct adding {
	struct observed *o;
	unsigned touch;
};

static int add_name_of_node(const char *path, void *arg)
{
	struct adding *a = arg;

	return add(a->o, path, a->touch, PATH_OF_NODE, true);
}

int observed_collect(struct observed *o, const struct observe_op *op)
{
	struct adding a = { o, TOUCH_CONTENT };

	switch (op->kind) {
	case OBSERVE_CREATE:
	case OBSERVE_REMOVE:
		return collect_named(o, op);
	case OBSERVE_RENAME:
		return collect_rename(o, op);
	case OBSERVE_MODE:
		a.touch = TOUCH_MODE;
		break;
	case OBSERVE_ATTR:
		a.touch = TOUCH_ATTR;
		break;
	default:
		break;
	}
	return node_each_path(op->node, add_name_of_node, &a);
}
