#include "fs/observe.h"
#include "core/base/log.h"
#include "fs/dirs.h"
#include "fs/hold.h"
#include "fs/observe_keep.h"
#include "fs/observe_moves.h"
#include "fs/server.h"
#include "fs/settle.h"
#include "fs/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define HOLD_MOST 8192
#define COMPLAIN_S 10

static struct journal *journal;

/* What a dead worker had moved and not walked yet: which directories those were, only it knew. */
static void lose_old_moves(void)
{
	AUTO_FREE struct mark *marks = NULL;
	size_t count, in_flight;

	if (journal_marks(journal, UINT64_MAX, &marks, &count, &in_flight) < 0) {
		moves_lose();
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (marks[i].touched & TOUCH_TREE)
			moves_lose();
	}
}

int observe_start(struct journal *j, int root_fd)
{
	struct rlimit files;

	journal = j;
	lose_old_moves();
	/* an eighth: the mount's own caches and victims have their shares */
	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / 8 > HOLD_MOST)
		hold_init(HOLD_MOST);
	else
		hold_init((unsigned)files.rlim_cur / 8);
	return 0;
}

struct journal *observe_journal(void)
{
	return journal;
}

static bool changes_content(const struct observe_op *op)
{
	return op->kind == OBSERVE_WRITE || op->kind == OBSERVE_TRUNCATE || op->kind == OBSERVE_CONTENT;
}

/* ---- who ---- */

static bool makes_writer(const struct observe_op *op)
{
	return changes_content(op) || op->kind == OBSERVE_CREATE || op->kind == OBSERVE_RENAME;
}

static void find_writer(const struct observe_op *op, const struct observed *seen, struct writer *w)
{
	bool known = writer_of(op->tid, w);

	for (size_t i = 0; i < seen->count; i++) {
		if (!known && writer_recall(observed_path(seen, i), w)) {
			writer_wrote_back(w->pid);
			return;
		}
		if (known && makes_writer(op))
			writer_remember(observed_path(seen, i), w);
	}
}

/* ---- marks ---- */

static uint32_t *marks_of(struct observe_op *op)
{
	return op->more ? op->more : op->marks;
}

static void complain(int error, const char *path)
{
	static _Atomic int64_t last;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (t.tv_sec - atomic_load(&last) < COMPLAIN_S && atomic_load(&last))
		return;
	atomic_store(&last, t.tv_sec);
	log_error("event=refused error=%s path=\"%s\" hint=\"the journal can take no more paths: let what is being written come to rest\"",
		  error == -ENOSPC ? "ENOSPC" : "ENAMETOOLONG", path);
}

static int begin(struct observe_op *op, const struct observed *seen, struct touching *t, const struct writer *w,
		 tick_t *tick)
{
	int r;

	if (seen->count > OBSERVE_MARKS) {
		op->more = calloc(seen->count, sizeof(*op->more));
		if (!op->more)
			return -ENOMEM;
	}
	for (size_t i = 0; i < seen->count; i++)
		t[i] = (struct touching){ .path = observed_path(seen, i), .touch = seen->paths[i].touch };
	r = journal_begin(journal, t, seen->count, w, tick);
	if (r < 0) {
		complain(r, t[0].path);
		free(op->more);
		op->more = NULL;
		return r;
	}
	for (size_t i = 0; i < seen->count; i++)
		marks_of(op)[i] = t[i].mark;
	op->mark_count = (uint32_t)seen->count;
	return 0;
}

/* ---- moved directories ---- */

static bool is_dir(const struct named *n)
{
	return n->exists && S_ISDIR(n->st.st_mode);
}

static int open_dir(node_id dir, const char *name)
{
	struct dirfd *d;
	int fd = dirs_get(dir, &d);

	if (fd < 0)
		return -1;
	fd = openat(d->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dirs_put(d);
	return fd;
}

static size_t find_role(const struct observed *seen, enum path_role role)
{
	size_t i = 0;

	while (seen->paths[i].role != role)
		i++;
	return i;
}

static void note_move(struct observe_op *op, struct keeping *k, size_t from, size_t to, int fd)
{
	uint64_t *move = op->moves[0] ? &op->moves[1] : &op->moves[0];
	struct move m = {
		.old_path = (char *)observed_path(k->seen, from),
		.new_path = (char *)observed_path(k->seen, to),
		.old_mark = k->touching[from].mark,
		.new_mark = k->touching[to].mark,
		.tick = k->tick,
		.fd = fd,
		.exchange = op->rename_flags & RENAME_EXCHANGE,
	};

	keep_below(k, m.old_path);
	*move = moves_begin(&m);
	if (moves_count() != op->renames)
		moves_lose(); /* the paths may be old */
}

static void note_moves(struct observe_op *op, struct keeping *k)
{
	const struct observed *seen = k->seen;
	size_t from, to;

	if (op->kind != OBSERVE_RENAME)
		return;
	from = find_role(seen, PATH_FROM);
	to = find_role(seen, PATH_TO);
	if (is_dir(&seen->name))
		note_move(op, k, from, to, open_dir(op->dir, op->name));
	if ((op->rename_flags & RENAME_EXCHANGE) && is_dir(&seen->new_name))
		note_move(op, k, to, from, open_dir(op->new_dir, op->new_name));
}

/* What a move of a directory above has brought or taken changed then, whoever finds it out: a client may have looked since. */
static void note_older_moves(const struct keeping *k)
{
	for (size_t i = 0; i < k->seen->count; i++) {
		const struct observed_path *p = &k->seen->paths[i];

		if (p->came)
			journal_mark_moved(journal, k->touching[i].mark, p->came);
		if (p->went)
			journal_mark_moved(journal, k->touching[i].mark, p->went);
	}
}

/* ---- what was renamed while the request was under way ---- */

static bool is_marked(const struct observe_op *op, const char *path)
{
	uint32_t mark = journal_mark_of(journal, path);

	for (uint32_t i = 0; i < op->mark_count; i++) {
		if (mark && marks_of((struct observe_op *)op)[i] == mark)
			return true;
	}
	return false;
}

/* Marked late, with what was there before unknown: it counts as changed. */
static void mark_late(const char *path, unsigned touch)
{
	struct touching t = { .path = path, .touch = touch };
	struct state unknown = state_unknown();
	tick_t tick;

	if (journal_begin(journal, &t, 1, NULL, &tick) < 0) {
		complain(-ENOSPC, path);
		return;
	}
	journal_set_before(journal, t.mark, BEFORE_KNOWN, &unknown, 0);
	journal_end(journal, &t.mark, 1, false);
}

/*
 * A directory above may have moved between the look at the path and the system call, and the effect be
 * elsewhere. Once more, then, where it is seen now.
 */
static void look_for_renamed(struct observe_op *op)
{
	AUTO_OBSERVED seen = { 0 };

	if (moves_count() == op->renames || observed_collect(&seen, op) < 0)
		return;
	for (size_t i = 0; i < seen.count; i++) {
		if (is_marked(op, observed_path(&seen, i)))
			continue;
		mark_late(observed_path(&seen, i), seen.paths[i].touch & ~(unsigned)TOUCH_TREE);
		if (op->moves[0])
			moves_lose(); /* and all that is below */
	}
}

/* ---- unsettled notices ---- */

static void keep_paths(struct observe_op *op, struct observed *seen)
{
	if (!server_wants_raw())
		return;
	op->paths = seen->text;
	seen->text = (struct buf){ 0 };
}

static void tell_paths(struct observe_op *op, int result)
{
	for (size_t at = 0; result >= 0 && at < op->paths.len; at += strlen(op->paths.data + at) + 1)
		server_touched(op->paths.data + at);
	buf_done(&op->paths);
}

/* ---- the two calls ---- */

static int note(struct observe_op *op, const struct observed *seen)
{
	struct touching few[OBSERVE_MARKS];
	AUTO_FREE struct touching *many = NULL;
	struct keeping k = { .journal = journal, .op = op, .seen = seen, .node_error = 1 };
	struct writer w = { .appended = op->append && op->kind == OBSERVE_WRITE };
	struct touching *t = few;
	int r;

	if (seen->count > OBSERVE_MARKS)
		t = many = calloc(seen->count, sizeof(*many));
	if (!t)
		return -ENOMEM;
	find_writer(op, seen, &w);
	r = begin(op, seen, t, w.pid ? &w : NULL, &k.tick);
	if (r == 0) {
		k.touching = t;
		keep_before(&k);
		note_older_moves(&k);
		note_moves(op, &k);
	}
	keeping_done(&k);
	return r;
}

int observe_before(struct observe_op *op)
{
	AUTO_OBSERVED seen = { 0 };
	struct keeping k = { .journal = journal, .op = op };
	int r;

	op->more = NULL;
	op->paths = (struct buf){ 0 };
	op->mark_count = 0;
	op->moves[0] = op->moves[1] = 0;
	op->renames = moves_count();
	if (changes_content(op))
		keep_held(&k, op->node);
	r = observed_collect(&seen, op);
	/* a file without a name is no path: nobody can see the change */
	if (r == 0 && seen.count)
		r = note(op, &seen);
	if (op->mark_count)
		keep_paths(op, &seen);
	return r;
}

void observe_after(struct observe_op *op, int result)
{
	if (!op->mark_count)
		return;
	if (result >= 0)
		look_for_renamed(op);
	if (result >= 0 && op->kind == OBSERVE_RENAME)
		moves_counted();
	for (size_t i = 0; i < ARRAY_SIZE(op->moves) && op->moves[i]; i++)
		moves_end(op->moves[i], result < 0);
	journal_end(journal, marks_of(op), op->mark_count, result < 0);
	free(op->more);
	op->more = NULL;
	tell_paths(op, result); /* first: who listens to these is in a hurry */
	settle_wake();
}
