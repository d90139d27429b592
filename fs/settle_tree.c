#include "fs/settle_tree.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/base/strv.h"
#include "core/journal_record.h"
#include "fs/observe_content.h"
#include "fs/observe_moves.h"
#include "fs/observe_reach.h"
#include "fs/observe_trace.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#define TRIES 8
#define STEPS_MOST 64 /* moves of one file in one batch; beyond them its origin is not looked for */

struct walk {
	struct journal *journal;
	const struct move *move;
	struct strv todo; /* directories below it, yet to be read; "" is itself */
};

/* How something came to where it is: from the last place to the first. */
struct way {
	struct {
		struct buf path;
		uint32_t mark; /* of the old name of the directory that moved from there */
		tick_t tick;   /* of that move */
	} places[STEPS_MOST];
	size_t count;
	bool existed; /* it was at the last of them when the batch began */
	bool touched; /* by a request at one of them */
};

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static bool is_same(int root_fd, const char *path, int fd)
{
	AUTO_FD there = reach(root_fd, path);
	struct stat a, b;

	return there >= 0 && fstat(there, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static struct state state_of(int dirfd, const char *name, const struct stat *st)
{
	struct state s;

	if (S_ISLNK(st->st_mode))
		return state_of_link(dirfd, name, &s) == 0 ? s : state_unknown();
	return state_of_mode(st->st_mode);
}

static void way_done(struct way *w)
{
	for (size_t i = 0; i < w->count; i++)
		buf_done(&w->places[i].path);
	w->count = 0;
}

/* Marked since the move by a request; marks that walks have made say nothing. */
static bool requested_since(struct journal *j, const char *path, tick_t move)
{
	uint32_t mark = journal_mark_of(j, path);
	struct mark m;
	struct trace t;

	if (!mark || !journal_mark(j, mark, &m))
		return false;
	t = trace_of(mark, m.first_ns);
	return !t.found && (t.tick ? t.tick : m.first) > move;
}

/* One step back, to `origin` (taken over). False: that was the last one. */
static bool step_back(struct walk *k, struct way *w, const char *path, const struct moved *how, struct buf *origin)
{
	bool touched = requested_since(k->journal, path, how->tick);

	w->touched |= touched;
	/* a request that had found it to come from there would have marked that too: it was made here */
	if (touched && !journal_mark_of(k->journal, origin->data)) {
		w->existed = false;
		return false;
	}
	w->places[w->count].mark = how->old_mark;
	w->places[w->count].tick = how->tick;
	w->places[w->count++].path = *origin;
	*origin = (struct buf){ 0 };
	return true;
}

static int find_way(struct walk *k, const char *path, const char *rel, struct way *w)
{
	struct moved how = { MOVED_HERE, k->move->exchange, k->move->tick, k->move->old_mark };
	AUTO_BUF origin = { 0 };
	int r = path_join(&origin, k->move->old_path, rel);

	w->existed = true;
	while (r == 0 && how.how == MOVED_HERE && step_back(k, w, path, &how, &origin)) {
		path = w->places[w->count - 1].path.data;
		if (w->count == STEPS_MOST)
			return -ELOOP;
		r = moves_ask(path, how.tick, &how, &origin);
	}
	return r;
}

/* As it is known already, where a request or another walk has found out. */
static struct state before_or(struct journal *j, uint32_t mark, struct state otherwise)
{
	struct mark m;

	return mark && journal_mark(j, mark, &m) && m.before == BEFORE_KNOWN ? m.state : otherwise;
}

/* What the mark says of the time before it is of before the move too: a request had made it by then, or an older walk. */
static bool is_older(const struct mark *m, tick_t move)
{
	struct trace t = trace_of(m->index, m->first_ns);

	return (t.tick ? t.tick : m->first) < move;
}

static int mark_place(struct walk *k, uint32_t like, tick_t move, const char *path, struct state before)
{
	uint32_t mark = journal_mark_of(k->journal, path);
	struct mark had = { .index = 0 };
	struct mark m;
	bool keep;
	int r;

	if (!mark || !journal_mark(k->journal, mark, &had))
		had.index = 0;
	keep = had.index && is_older(&had, move);
	if (keep)
		before = had.state;
	r = journal_mark_like(k->journal, like, path, &before, &mark);
	if (r < 0)
		return r;
	if (keep)
		journal_set_before(k->journal, mark, had.before, &had.state, had.size);
	else if (had.index)
		journal_set_before(k->journal, mark, BEFORE_KNOWN, &before, 0);
	else if (journal_mark(k->journal, mark, &m))
		trace_found(mark, m.first_ns, move);
	return 0;
}

/* Where it was at the batch's start it is missing, where it is now it was missing; in between it came and went. */
static int mark_way(struct walk *k, const char *path, struct way *w, const struct state *is)
{
	struct state absent = state_absent();
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->count; i++) {
		const char *place = w->places[i].path.data;
		uint32_t had = journal_mark_of(k->journal, place);
		bool first = w->existed && i + 1 == w->count;
		struct state was = before_or(k->journal, had, absent);

		/* a request since the move has noted it, or this is what it was */
		if (first && (!had || was.kind == STATE_UNKNOWN || was.kind == STATE_ABSENT))
			was = *is;
		r = mark_place(k, w->places[i].mark, w->places[i].tick, place, was);
		/* in between it had come there by the move before */
		if (r == 0 && i + 1 < w->count)
			journal_mark_moved(k->journal, journal_mark_of(k->journal, place), w->places[i + 1].mark);
	}
	if (r < 0)
		return r;
	return mark_place(k, k->move->new_mark, k->move->tick, path,
			  before_or(k->journal, journal_mark_of(k->journal, path), absent));
}

/* It is back where it was, and nobody has touched it meanwhile. */
static bool came_back(const struct way *w, const char *path)
{
	return w->existed && !w->touched && w->count && strcmp(w->places[w->count - 1].path.data, path) == 0;
}

/* *made: it was made since the directory moved. */
static int mark_entry(struct walk *k, const char *rel, struct state is, bool *made)
{
	struct way way = { .count = 0 };
	AUTO_BUF path = { 0 };
	int r = path_join(&path, k->move->new_path, rel);

	*made = true;
	if (r < 0 || moves_came_to(path.data, k->move->tick))
		return r; /* a directory that has come here since: its own walk is responsible */
	r = find_way(k, path.data, rel, &way);
	*made = r == 0 && !way.count;
	if (r == 0 && way.count && !came_back(&way, path.data))
		r = mark_way(k, path.data, &way, &is);
	way_done(&way);
	return r;
}

static int walk_entry(struct walk *w, int dirfd, const char *dir, const char *name)
{
	AUTO_BUF rel = { 0 };
	struct stat st;
	bool made;
	int r = path_join(&rel, dir, name);

	if (r < 0)
		return r;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0; /* gone meanwhile: by a request, which has marked it */
	r = mark_entry(w, rel.data, state_of(dirfd, name, &st), &made);
	/* what was made since the move has marks of its own, all the way down */
	if (r == 0 && S_ISDIR(st.st_mode) && !made)
		r = strv_add(&w->todo, rel.data);
	return r;
}

static int walk_directory(struct walk *w, const char *rel)
{
	AUTO_FD at = reach(w->move->fd, rel);
	int fd = at < 0 ? -1 : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *d = file_list(fd);
	int r = 0;

	if (!d)
		return at == -ENOENT || at == -ENOTDIR ? 0 : -errno;
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = walk_entry(w, dirfd(d), rel, e->d_name);
	}
	closedir(d);
	return r;
}

static void walk(struct journal *j, int root_fd, const struct move *m)
{
	struct walk w = { .journal = j, .move = m };
	int r = m->fd < 0 ? -EBADF : 0;

	if (r == 0 && !is_same(root_fd, m->new_path, m->fd))
		return; /* it has moved on, by itself or with what is above: that move's walk finds its way back */
	if (r == 0)
		r = strv_add(&w.todo, "");
	for (size_t i = 0; r == 0 && i < w.todo.count; i++)
		r = walk_directory(&w, w.todo.items[i]);
	if (r < 0 && r != -ENOENT) {
		log_warn("event=walk_incomplete directory=\"%s\" error=\"%s\" meaning=\"all paths count as changed\"",
			 m->new_path, strerror(-r));
		moves_lose();
	}
	strv_done(&w.todo);
}

/* Newest first: on the way back the older ones are asked. */
static bool walk_all(struct journal *j, int root_fd)
{
	struct move m;
	uint64_t id = UINT64_MAX;
	bool any = false;

	while (moves_next(id, &m) == 0) {
		walk(j, root_fd, &m);
		id = m.id;
		move_done(&m);
		any = true;
	}
	return any;
}

bool tree_expand(struct journal *j, int root_fd)
{
	bool any = false;
	bool before, after;

	pthread_mutex_lock(&one_at_a_time);
	for (int i = 0; i < TRIES; i++) {
		uint64_t last = moves_last(&before);
		bool walked = walk_all(j, root_fd);

		any |= walked;
		/* what moved meanwhile may have got past the walk; and it wants to ask these for its way */
		if (before || moves_last(&after) != last)
			continue;
		if (walked)
			moves_drop(last);
		break;
	}
	pthread_mutex_unlock(&one_at_a_time);
	return any;
}

bool tree_lose_track(struct journal *j, _Atomic uint64_t *known)
{
	uint64_t losses = moves_losses();

	if (losses == *known)
		return false;
	journal_lose_track(j); /* first: who asks meanwhile sees the loss, or that */
	*known = losses;
	return true;
}
