#include "fs/settle_publish.h"
#include "core/base/buf.h"
#include "core/base/log.h"
#include "fs/hold.h"
#include "fs/ignore.h"
#include "fs/lower.h"
#include "fs/observe_moves.h"
#include "fs/observe_reach.h"
#include "fs/observe_trace.h"
#include "fs/settle_compare.h"
#include "fs/settle_open.h"
#include "fs/writer.h"
#include <errno.h>
#include <string.h>

#define CHANGES_MOST 100000
#define IGNORE_MS 100
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
	struct trace trace = trace_of(m->index, m->first);
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
	t->changes[t->count].writer.appended = m->touched & TOUCH_CONTENT && trace.first && !trace.replaced;
	t->count++;
	if (!t->first_ns || m->first_ns < t->first_ns)
		t->first_ns = m->first_ns;
}

static int publish(struct telling *t, const struct mark *m, const struct compared *c)
{
	return journal_publish(t->journal, m->index, m->last, &c->before, &c->after, c->has_stamp ? &c->stamp : NULL, true);
}

bool telling_add(struct telling *t, const struct mark *first_seen, bool open)
{
	struct mark m = *first_seen;
	struct compared c;
	AUTO_BUF path = { 0 };
	int r = -EAGAIN;

	if (moves_wait_for(m.index, m.first))
		return false; /* what is below is not marked yet */
	for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
		if (i && (!journal_mark(t->journal, m.index, &m) || m.first != first_seen->first))
			return true;
		if (m.in_flight || journal_mark_path(t->journal, m.index, &path) < 0)
			return false;
		compare(t->root_fd, &m, buf_str(&path), &c);
		r = publish(t, &m, &c);
	}
	if (r == -EAGAIN)
		return false;
	hold_drop(m.index, m.first);
	if (r == 0 && !m.failed)
		add(t, &m, &c, buf_str(&path), open);
	return true;
}

/* ---- what is asked for a whole batch ---- */

static void ask_ignored(struct telling *t)
{
	AUTO_FREE const char **paths = calloc(t->count, sizeof(*paths));
	AUTO_FREE bool *verdicts = calloc(t->count, sizeof(*verdicts));

	if (!paths || !verdicts)
		return;
	for (size_t i = 0; i < t->count; i++) {
		paths[i] = t->changes[i].path;
		if (t->changes[i].reason == CHANGE_REAL)
			ignore_path_changed(paths[i]);
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

		if (c->writer.pid || c->reason != CHANGE_REAL || c->after.kind != STATE_FILE)
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
		if (m.in_flight || m.failed || trace_of(m.index, m.first).compared == m.last ||
		    moves_wait_for(m.index, m.first) || journal_mark_path(j, m.index, &path) < 0)
			return;
		compare(root_fd, &m, buf_str(&path), &c);
		if (journal_publish(j, m.index, m.last, &c.before, &c.after, c.has_stamp ? &c.stamp : NULL, false) == 0)
			trace_compared(m.index, m.first, m.last);
		else if (journal_mark(j, m.index, &m) && m.first == first_seen->first)
			continue;
		return;
	}
}
