#include "fs/observe_keep.h"
#include "core/base/path.h"
#include "fs/dirs.h"
#include "fs/hold.h"
#include "fs/ignore.h"
#include "fs/observe_content.h"
#include "fs/observe_reach.h"
#include "fs/observe_trace.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#define HASHING_NS 20000000LL
#define ALL UINT64_MAX

/* One path of the request, and how its mark stands. */
struct one {
	uint32_t mark;
	int64_t born_ns;
	const char *path;
	const struct observed_path *seen;
};

void keeping_done(struct keeping *k)
{
	if (k->file)
		files_put(k->file);
	k->file = NULL;
}

static int64_t deadline(struct keeping *k)
{
	struct timespec t;

	if (!k->deadline_ns) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		k->deadline_ns = t.tv_sec * 1000000000LL + t.tv_nsec + HASHING_NS;
	}
	return k->deadline_ns;
}

static void known(struct keeping *k, uint32_t mark, struct state s)
{
	journal_set_before(k->journal, mark, BEFORE_KNOWN, &s, 0);
}

/*
 * It was kept lazily when it was looked at and is known now. Not when somebody else was faster: by now
 * he may be changing the content, and what was hashed be half of each.
 */
static void resolved(struct keeping *k, const struct one *o, struct state s)
{
	struct mark m;

	if (journal_mark(k->journal, o->mark, &m) && m.first_ns == o->born_ns && m.before != BEFORE_KNOWN)
		known(k, o->mark, s);
}

/* ---- what a name leads to ---- */

static const struct named *named_of(const struct keeping *k, enum path_role role)
{
	return role == PATH_TO ? &k->seen->new_name : &k->seen->name;
}

static int open_dir(const struct keeping *k, enum path_role role, struct dirfd **d, const char **name)
{
	*name = role == PATH_TO ? k->op->new_name : k->op->name;
	return dirs_get(role == PATH_TO ? k->op->new_dir : k->op->dir, d);
}

static int open_named(const struct keeping *k, enum path_role role)
{
	struct dirfd *d;
	const char *name;
	int fd = open_dir(k, role, &d, &name);

	if (fd < 0)
		return fd;
	fd = content_open(d->fd, name);
	dirs_put(d);
	return fd;
}

static struct state link_named(const struct keeping *k, enum path_role role)
{
	struct state s = state_unknown();
	struct dirfd *d;
	const char *name;

	if (open_dir(k, role, &d, &name) == 0) {
		if (state_of_link(d->fd, name, &s) < 0)
			s = state_unknown();
		dirs_put(d);
	}
	return s;
}

static bool stored(struct keeping *k, const char *path, const struct stat *st, struct state *out)
{
	struct stamp now = stamp_of(st);
	struct stamp then;
	struct state s;

	if (!journal_stored(k->journal, path, &s, &then) || !stamp_equal(&now, &then))
		return false;
	*out = s;
	return true;
}

/* The content of a file that is about to lose its name: by descriptor, or now when there is no room for one more. */
static void hold_or_hash(struct keeping *k, const struct one *o, struct state s, uint64_t limit)
{
	AUTO_FD fd = open_named(k, o->seen->role);
	node_id node = o->seen->role == PATH_TO ? k->op->new_node : k->op->node;

	if (fd >= 0 && hold_add(o->mark, o->born_ns, node, fd, limit) == 0) {
		take_fd(&fd);
		journal_set_before(k->journal, o->mark, BEFORE_HELD, &s, limit == ALL ? 0 : limit);
		return;
	}
	if (fd >= 0 && ignore_cached(o->path) != 1)
		s = state_hashed(s, fd, limit, deadline(k));
	resolved(k, o, s);
}

/* Its content is about to be changed in place. */
static struct state hash_named(struct keeping *k, const struct one *o, struct state s, uint64_t limit)
{
	AUTO_FD fd = open_named(k, o->seen->role);

	if (fd < 0 || ignore_cached(o->path) == 1)
		return s;
	return state_hashed(s, fd, limit, deadline(k));
}

static void keep_named_file(struct keeping *k, const struct one *o, const struct stat *st)
{
	struct state s = state_of_mode(st->st_mode);

	if (stored(k, o->path, st, &s) || st->st_size == 0) {
		known(k, o->mark, s.hashed ? s : state_of_empty(s));
		return;
	}
	if (o->seen->role != PATH_MADE) {
		hold_or_hash(k, o, s, ALL);
		return;
	}
	/* a name that the kernel did not know of: it stays what it is, but for its content */
	if (k->op->truncates)
		known(k, o->mark, hash_named(k, o, s, ALL));
	else
		journal_set_before(k->journal, o->mark, BEFORE_CONTENT, &s, 0);
}

static void keep_named(struct keeping *k, const struct one *o)
{
	const struct named *n = named_of(k, o->seen->role);

	if (!n->exists)
		known(k, o->mark, n->error == -ENOENT ? state_absent() : state_unknown());
	else if (S_ISREG(n->st.st_mode))
		keep_named_file(k, o, &n->st);
	else if (S_ISLNK(n->st.st_mode))
		known(k, o->mark, link_named(k, o->seen->role));
	else
		known(k, o->mark, state_of_mode(n->st.st_mode));
}

/* ---- the node itself ---- */

static int node_stat_once(struct keeping *k)
{
	if (k->node_error == 1)
		k->node_error = node_stat(k->op->node, &k->node_st);
	return k->node_error;
}

/* The same descriptor serves all of the node's names; the write that follows has it open already. */
static struct state hash_node(struct keeping *k, const struct one *o, struct state s, uint64_t limit)
{
	if (ignore_cached(o->path) == 1)
		return s;
	if (!k->file && files_get(k->op->node, false, &k->file) < 0)
		return s;
	return state_hashed(s, k->file->fd, limit, deadline(k));
}

static bool leaves_content(const struct observe_op *op)
{
	return op->kind == OBSERVE_MODE || op->kind == OBSERVE_ATTR;
}

static bool leaves_prefix(const struct observe_op *op, uint64_t size)
{
	if (op->kind == OBSERVE_WRITE)
		return op->offset >= size;
	return op->kind == OBSERVE_TRUNCATE && op->size >= size;
}

static void keep_node_file(struct keeping *k, const struct one *o)
{
	struct state s = state_of_mode(k->node_st.st_mode);
	uint64_t size = (uint64_t)k->node_st.st_size;

	if (stored(k, o->path, &k->node_st, &s) || size == 0)
		known(k, o->mark, s.hashed ? s : state_of_empty(s));
	else if (leaves_content(k->op))
		journal_set_before(k->journal, o->mark, BEFORE_CONTENT, &s, 0);
	else if (leaves_prefix(k->op, size))
		journal_set_before(k->journal, o->mark, BEFORE_PREFIX, &s, size);
	else
		known(k, o->mark, hash_node(k, o, s, ALL));
}

static struct state link_of_node(const struct keeping *k)
{
	AUTO_FD fd = node_open(k->op->node, O_PATH);
	struct state s;

	return fd >= 0 && state_of_link(fd, "", &s) == 0 ? s : state_unknown();
}

static void keep_node(struct keeping *k, const struct one *o)
{
	if (node_stat_once(k) < 0)
		known(k, o->mark, state_unknown());
	else if (S_ISREG(k->node_st.st_mode))
		keep_node_file(k, o);
	else if (S_ISLNK(k->node_st.st_mode))
		known(k, o->mark, link_of_node(k));
	else
		known(k, o->mark, state_of_mode(k->node_st.st_mode));
}

/* ---- a mark that the request has made ---- */

/* What was at the path before its directory moved: what is below the new name now, as far as that is known. */
static void keep_origin(struct keeping *k, const struct one *o)
{
	if (o->seen->origin_of != PATH_OF_NODE)
		known(k, o->mark, state_of_mode(named_of(k, o->seen->origin_of)->st.st_mode));
	else
		known(k, o->mark, node_stat_once(k) < 0 ? state_unknown() : state_of_mode(k->node_st.st_mode));
}

static void keep_made(struct keeping *k, const struct one *o)
{
	if (o->seen->was == WAS_ABSENT)
		known(k, o->mark, state_absent());
	else if (o->seen->was == WAS_UNKNOWN)
		known(k, o->mark, state_unknown());
	else if (o->seen->role == PATH_ORIGIN)
		keep_origin(k, o);
	else if (o->seen->role == PATH_OF_NODE)
		keep_node(k, o);
	else
		keep_named(k, o);
}

/* ---- a mark that was there: what it keeps lazily may be about to go ---- */

static void keep_prefix(struct keeping *k, const struct one *o, const struct mark *m, uint64_t size)
{
	bool truncated = o->seen->role == PATH_MADE && k->op->truncates;

	if (o->seen->role == PATH_FROM || o->seen->role == PATH_TO)
		hold_or_hash(k, o, m->state, size);
	else if (truncated)
		resolved(k, o, hash_named(k, o, m->state, size));
	else if (o->seen->role == PATH_OF_NODE && !leaves_content(k->op) && !leaves_prefix(k->op, size))
		resolved(k, o, hash_node(k, o, m->state, size));
}

static void keep_content(struct keeping *k, const struct one *o, const struct mark *m)
{
	bool of_node = o->seen->role == PATH_OF_NODE;

	if (of_node && leaves_content(k->op))
		return;
	if (of_node && node_stat_once(k) == 0 && leaves_prefix(k->op, (uint64_t)k->node_st.st_size))
		journal_set_before(k->journal, o->mark, BEFORE_PREFIX, &m->state, (uint64_t)k->node_st.st_size);
	else
		keep_prefix(k, o, m, ALL);
}

static void keep_again(struct keeping *k, const struct one *o, const struct mark *m)
{
	if (m->before == BEFORE_PREFIX)
		keep_prefix(k, o, m, m->size);
	else if (m->before == BEFORE_CONTENT)
		keep_content(k, o, m);
}

/* ---- all paths ---- */

/* Another request is finding out: the mark's before-state must be kept before this one goes on. */
static bool settled_mark(struct keeping *k, uint32_t index, struct mark *m)
{
	const struct timespec moment = { 0, 50000 };

	for (int i = 0; journal_mark(k->journal, index, m); i++) {
		if (m->before != BEFORE_PENDING)
			return true;
		if (i == 1000) /* twice the time that it may take */
			return false;
		nanosleep(&moment, NULL);
	}
	return false;
}

static struct one one_of(const struct keeping *k, size_t i)
{
	return (struct one){
		.mark = k->touching[i].mark,
		.path = observed_path(k->seen, i),
		.seen = &k->seen->paths[i],
	};
}

void keep_before(struct keeping *k)
{
	/* first what others may be waiting for */
	for (size_t i = 0; i < k->seen->count; i++) {
		struct one o = one_of(k, i);
		struct mark m;

		if (!k->touching[i].made || !journal_mark(k->journal, o.mark, &m))
			continue;
		o.born_ns = m.first_ns;
		keep_made(k, &o);
		trace_note(o.mark, o.born_ns, k->tick, k->op, o.seen->role);
	}
	for (size_t i = 0; i < k->seen->count; i++) {
		struct one o = one_of(k, i);
		struct mark m;

		if (k->touching[i].made || !settled_mark(k, o.mark, &m))
			continue;
		o.born_ns = m.first_ns;
		keep_again(k, &o, &m);
		trace_note(o.mark, o.born_ns, 0, k->op, o.seen->role);
	}
}

/* ---- objects that are held, and those below a directory ---- */

static void hash_held(struct keeping *k, uint32_t mark, int64_t born_ns)
{
	struct one o = { .mark = mark, .born_ns = born_ns };
	uint64_t limit;
	AUTO_FD fd = hold_get(mark, born_ns, &limit);
	struct mark m;

	if (fd >= 0 && journal_mark(k->journal, mark, &m) && m.first_ns == born_ns && m.before == BEFORE_HELD)
		resolved(k, &o, state_hashed(m.state, fd, limit, deadline(k)));
	hold_drop(mark, born_ns);
}

void keep_held(struct keeping *k, node_id node)
{
	uint32_t mark;
	int64_t born_ns;

	while (hold_of_node(node, &mark, &born_ns))
		hash_held(k, mark, born_ns);
}

static void hash_below(struct keeping *k, const struct mark *m, const char *path)
{
	struct one o = { .mark = m->index, .born_ns = m->first_ns };
	uint64_t limit = m->before == BEFORE_PREFIX ? m->size : ALL;
	AUTO_FD at = reach(dirs_root(), path);
	AUTO_FD fd = at < 0 ? at : content_open_again(at);

	resolved(k, &o, fd < 0 ? m->state : state_hashed(m->state, fd, limit, deadline(k)));
}

void keep_below(struct keeping *k, const char *dir)
{
	AUTO_FREE struct mark *marks = NULL;
	AUTO_BUF path = { 0 };
	size_t count = 0;
	size_t in_flight;

	if (journal_marks(k->journal, UINT64_MAX, &marks, &count, &in_flight) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (marks[i].before != BEFORE_PREFIX && marks[i].before != BEFORE_CONTENT)
			continue;
		if (journal_mark_path(k->journal, marks[i].index, &path) == 0 && path_is_below(buf_str(&path), dir))
			hash_below(k, &marks[i], buf_str(&path));
	}
}
