#include "fs/settle_publish.h"
#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/base/strv.h"
#include "fs/hold.h"
#include "fs/ignore.h"
#include "fs/lower.h"
#include "fs/observe_moves.h"
#include "fs/observe_reach.h"
#include "fs/observe_trace.h"
#include "fs/settle_compare.h"
#include "fs/settle_open.h"
#include "fs/recent.h"
#include "fs/writer.h"
#include <errno.h>
#include <string.h>

#define CHANGES_MOST 100000
#define IGNORE_MS 250 /* a helper that is slower delays one batch by it; none waits for its answer a second time */
#define TRIES 3

static int room_for_one(struct telling *t)
{
	size_t room = t->room ? t->room * 2 : 64;
	struct change *more;

	if (t->count < t->room)
		return 0;
	more = reallocarray(t->changes, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->changes = more;
	t->room = room;
	return 0;
}

static void add(struct telling *t, const struct mark *m, const struct compared *c, const char *path, bool open)
{
	struct trace trace = trace_of(m->index, m->first_ns);
	char *copy;

	if (t->count >= CHANGES_MOST || room_for_one(t) < 0 || !(copy = strdup(path))) {
		t->truncated = true;
		return;
	}
	t->changes[t->count] = (struct change){
		.path = copy,
		.before = c->before,
		.after = c->after,
		.writer = m->writer,
		.tick = m->last,
		.reason = (uint8_t)c->reason,
		.open = open,
	};
	t->changes[t->count].writer.appended = m->touched & TOUCH_CONTENT && trace.born_ns && !trace.replaced;
	t->count++;
	if (!t->first_ns || m->first_ns < t->first_ns)
		t->first_ns = m->first_ns;
}

void item_compare(struct telling *t, struct item *i)
{
	AUTO_BUF path = { 0 };

	free(i->path);
	i->path = NULL;
	if (i->mark.in_flight || moves_wait_for(i->mark.index, i->mark.first))
		return;
	if (journal_mark_path(t->journal, i->mark.index, &path) < 0)
		return;
	compare(t->root_fd, &i->mark, buf_str(&path), &i->found);
	i->path = buf_take(&path);
	if (!i->path)
		i->path = strdup("");
}

/* The mark as it is now, in its place. False: it is another one. */
static bool look_again(const struct telling *t, const struct item *i, struct mark *now)
{
	return journal_mark(t->journal, i->mark.index, now) && now->first_ns == i->mark.first_ns;
}

bool item_is_stale(const struct telling *t, const struct item *i)
{
	struct mark now;

	return !look_again(t, i, &now) || now.in_flight || now.last != i->mark.last;
}

void item_publish(struct telling *t, struct item *i)
{
	int r = -EAGAIN;

	for (int n = 0; i->path && r == -EAGAIN && n < TRIES; n++) {
		const struct compared *c = &i->found;

		recent_note(&recent_compared, recent_path(i->path));
		r = journal_publish(t->journal, i->mark.index, i->mark.last, &c->before, &c->after,
				    c->has_stamp ? &c->stamp : NULL, true);
		if (r == -EAGAIN && (!i->forced || !look_again(t, i, &i->mark)))
			return;
		if (r == -EAGAIN)
			item_compare(t, i);
	}
	if (r == -EAGAIN)
		return;
	i->settled = true;
	hold_drop(i->mark.index, i->mark.first_ns);
	if (r == 0 && !i->mark.failed)
		add(t, &i->mark, &i->found, i->path, i->open);
}

/* ---- what is asked for a whole batch ---- */

/* A directory that is gone can be told from a file only here: "out/" is ignored, "out" is not. */
static const char *as_asked(const struct change *c, struct strv *made)
{
	bool dir = c->after.kind == STATE_DIR || (c->after.kind == STATE_ABSENT && c->before.kind == STATE_DIR);
	AUTO_BUF path = { 0 };

	if (!dir || !*c->path || buf_printf(&path, "%s/", c->path) < 0 || strv_take(made, buf_take(&path)) < 0)
		return c->path;
	return made->items[made->count - 1];
}

static void ask_ignored(struct telling *t)
{
	AUTO_FREE const char **paths = calloc(t->count, sizeof(*paths));
	AUTO_FREE bool *verdicts = calloc(t->count, sizeof(*verdicts));
	AUTO_STRV made = { 0 };

	if (!paths || !verdicts)
		return;
	for (size_t i = 0; i < t->count; i++) {
		paths[i] = as_asked(&t->changes[i], &made);
		if (t->changes[i].reason == CHANGE_REAL)
			ignore_path_changed(t->changes[i].path);
	}
	if (!ignore_ask(paths, t->count, verdicts, IGNORE_MS))
		log_debug("event=ignore_unanswered paths=%zu", t->count);
	for (size_t i = 0; i < t->count; i++)
		t->changes[i].ignored = verdicts[i];
}

/* Pages written back, and nobody has written the file by a call of his own: who has it open, then. */
static void ask_writer(struct telling *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct change *c = &t->changes[i];
		struct identity is;
		struct stat st;
		AUTO_FD fd = -1;

		if (c->writer.pid || c->writer.outside || c->reason != CHANGE_REAL || c->after.kind != STATE_FILE)
			continue;
		fd = reach(t->root_fd, c->path);
		if (fd < 0 || lower_identify(fd, "", &is, &st) < 0)
			continue;
		writer_of(open_by_whom(st.st_ino, t->dev), &c->writer);
		return; /* the look at all processes is slow: once for a batch */
	}
}

void telling_complete(struct telling *t)
{
	if (!t->count)
		return;
	ask_ignored(t);
	ask_writer(t);
}

void telling_done(struct telling *t)
{
	for (size_t i = 0; i < t->count; i++)
		free((char *)t->changes[i].path);
	free(t->changes);
	t->changes = NULL;
	t->count = t->room = 0;
}

void publish_intermediate(struct journal *j, int root_fd, const struct mark *first_seen)
{
	struct mark m = *first_seen;
	struct compared c;
	AUTO_BUF path = { 0 };

	for (int i = 0; i < TRIES; i++) {
		if (m.in_flight || m.failed || trace_of(m.index, m.first_ns).compared == m.last ||
		    moves_wait_for(m.index, m.first) || journal_mark_path(j, m.index, &path) < 0)
			return;
		compare(root_fd, &m, buf_str(&path), &c);
		recent_note(&recent_compared, recent_path(buf_str(&path)));
		if (journal_publish(j, m.index, m.last, &c.before, &c.after, c.has_stamp ? &c.stamp : NULL, false) == 0)
			trace_compared(m.index, m.first_ns, m.last);
		else if (journal_mark(j, m.index, &m) && m.first_ns == first_seen->first_ns)
			continue;
		return;
	}
}
