#include "fs/settle_tree.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/base/strv.h"
#include "core/journal_record.h"
#include "fs/observe_content.h"
#include "fs/observe_moves.h"
#include "fs/observe_reach.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct walk {
	struct journal *journal;
	const struct move *move;
	bool arrived;	    /* the directory is at its new name still */
	struct strv todo;   /* directories below it, yet to be read; "" is itself */
	struct buf old_path, new_path;
};

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool incomplete;

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

/* The state that the path had before the move, as far as a request since then has found out. */
static bool made_since(struct walk *w, struct state *before)
{
	uint32_t now = journal_mark_of(w->journal, w->new_path.data);
	uint32_t then = journal_mark_of(w->journal, w->old_path.data);
	struct mark m;

	if (then && journal_mark(w->journal, then, &m) && m.before == BEFORE_KNOWN && m.first > w->move->tick &&
	    m.state.hashed)
		*before = m.state;
	/* a request there since, that has not found it to come from the old place, has made it */
	return now && !then && journal_mark(w->journal, now, &m) && m.first > w->move->tick;
}

/* It had come to the old place only by an earlier move, which is not walked yet: at the batch's start it was not there. */
static bool came_before(const struct walk *w)
{
	AUTO_BUF origin = { 0 };
	uint64_t id = w->move->id;
	enum moved moved;

	return moves_ask(w->old_path.data, &id, &moved, NULL, &origin) == 0 && moved == MOVED_HERE;
}

static int mark_entry(struct walk *w, const char *rel, struct state s, bool *made)
{
	struct state absent = state_absent(), unknown = state_unknown();
	uint32_t mark;
	int r = 0;

	buf_truncate(&w->old_path, 0);
	buf_truncate(&w->new_path, 0);
	if (path_join(&w->old_path, w->move->old_path, rel) < 0 || path_join(&w->new_path, w->move->new_path, rel) < 0)
		return -ENOMEM;
	*made = made_since(w, &s);
	if (came_before(w))
		s = absent;
	if (!*made)
		r = journal_mark_like(w->journal, w->move->old_mark, w->old_path.data, &s, &mark);
	/* exchanged: what was here before, the other directory's walk finds out, or has found out */
	if (r == 0 && w->arrived)
		r = journal_mark_like(w->journal, w->move->new_mark, w->new_path.data,
				      w->move->exchange ? &unknown : &absent, &mark);
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
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!d) {
		r = at == -ENOENT || at == -ENOTDIR ? 0 : -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
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

	if (r == 0 && is_same(root_fd, m->old_path, m->fd))
		return; /* it came back: all below is where it was */
	if (r == 0) {
		w.arrived = is_same(root_fd, m->new_path, m->fd);
		r = strv_add(&w.todo, "");
	}
	for (size_t i = 0; r == 0 && i < w.todo.count; i++)
		r = walk_directory(&w, w.todo.items[i]);
	if (r < 0 && r != -ENOENT) {
		log_warn("event=walk_incomplete directory=\"%s\" error=\"%s\" meaning=\"all paths count as changed\"",
			 m->new_path, strerror(-r));
		incomplete = true;
	}
	strv_done(&w.todo);
	buf_done(&w.old_path);
	buf_done(&w.new_path);
}

bool tree_expand(struct journal *j, int root_fd)
{
	struct move m;
	bool any = false;

	pthread_mutex_lock(&one_at_a_time);
	/* the newest first: what it says of older places, those that came before have yet to say */
	while (moves_next(&m) == 0) {
		walk(j, root_fd, &m);
		moves_drop(m.id);
		move_done(&m);
		any = true;
	}
	pthread_mutex_unlock(&one_at_a_time);
	return any;
}

bool tree_incomplete(void)
{
	bool overflowed = moves_overflowed();

	return atomic_exchange(&incomplete, false) || overflowed;
}
