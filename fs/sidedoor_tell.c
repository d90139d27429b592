#include "fs/sidedoor_tell.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/proc.h"
#include "core/journal_record.h"
#include "fs/dirs.h"
#include "fs/observe.h"
#include "fs/observe_content.h"
#include "fs/observe_moves.h"
#include "fs/observe_reach.h"
#include "fs/observe_trace.h"
#include "fs/server.h"
#include "fs/settle.h"
#include "fs/recent.h"
#include <string.h>

static struct writer writer_outside(pid_t pid)
{
	struct writer w = { .outside = 1 };
	struct proc_stat st;

	if (pid > 0) {
		w.pid = pid;
		if (proc_stat(pid, &st) == 0)
			memcpy(w.command, st.name, sizeof(w.command) - 1);
	}
	return w;
}

/* A mark of before that is not settled compares what is there by then: nothing of it is missed. */
bool tell_is_known(const char *path)
{
	struct journal *j = observe_journal();
	AUTO_FD fd = -1;
	struct state last;
	struct stamp then, now;
	struct stat st;

	if (journal_mark_of(j, path))
		return true;
	if (!journal_newest(j, path, &last))
		return false;
	fd = reach(dirs_root(), path);
	if (fd < 0 || fstat(fd, &st))
		return last.kind == STATE_ABSENT;
	if (!S_ISREG(st.st_mode)) /* where a link leads to is compared */
		return S_ISDIR(st.st_mode) && last.kind == STATE_DIR;
	now = stamp_of(&st);
	return journal_stored(j, path, &last, &then) && stamp_equal(&now, &then);
}

bool tell_is_ours(const char *path)
{
	uint32_t mark = journal_mark_of(observe_journal(), path);
	struct mark m;

	return mark && journal_mark(observe_journal(), mark, &m) && !m.writer.outside;
}

/* As the journal has known it last, if it has looked since its directory is watched. */
static struct state state_before(struct journal *j, const struct outside *o)
{
	struct state s;
	bool touched;

	if (o->made)
		return state_absent();
	if (o->since) {
		journal_state_at(j, o->path, o->since - 1, &touched);
		if (touched && journal_newest(j, o->path, &s))
			return s;
	}
	return o->was_dir ? state_of_mode(S_IFDIR) : state_unknown();
}

static void end(struct journal *j, struct touching *t)
{
	journal_end(j, &t->mark, 1, false);
	settle_wake();
	if (server_wants_raw())
		server_touched(t->path);
}

void tell_outside(const struct outside *o)
{
	struct journal *j = observe_journal();
	struct touching t = { .path = o->path, .touch = o->touch };
	struct writer w = writer_outside(o->pid);
	struct state before;
	struct mark m;
	bool again = o->doubtful && journal_mark_of(j, o->path);
	tick_t tick;

	/* What is being compared already is told once more, for who has asked since: but whose it was cannot be said. */
	if (o->doubtful && !again && tell_is_known(o->path))
		return;
	before = state_before(j, o);
	if (journal_begin(j, &t, 1, again ? NULL : &w, &tick) < 0) {
		tell_everything();
		return;
	}
	if (t.made)
		journal_set_before(j, t.mark, BEFORE_KNOWN, &before, 0);
	if (recent_is(&recent_compared, recent_path(o->path)))
		journal_doubt(j, o->path);
	if (journal_mark(j, t.mark, &m))
		trace_outside(t.mark, m.first_ns, o->writing && m.writer.outside, o->closed);
	end(j, &t);
}

void tell_move(const char *old_path, const char *new_path, pid_t pid, int fd)
{
	struct journal *j = observe_journal();
	struct touching t[2] = { { .path = old_path, .touch = TOUCH_NAME | TOUCH_TREE },
				 { .path = new_path, .touch = TOUCH_NAME | TOUCH_TREE } };
	struct state before[2] = { state_of_mode(S_IFDIR), state_absent() };
	struct writer w = writer_outside(pid);
	struct move m = { .old_path = (char *)old_path, .new_path = (char *)new_path, .fd = fd };
	uint64_t id;

	if (journal_begin(j, t, 2, &w, &m.tick) < 0) {
		if (fd >= 0)
			close(fd);
		tell_everything();
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (t[i].made)
			journal_set_before(j, t[i].mark, BEFORE_KNOWN, &before[i], 0);
	}
	m.old_mark = t[0].mark;
	m.new_mark = t[1].mark;
	id = moves_begin(&m);
	moves_end(id, false);
	moves_counted();
	end(j, &t[0]);
	end(j, &t[1]);
}

void tell_everything(void)
{
	journal_lose_track(observe_journal()); /* at once, for who asks next */
	moves_lose();
	settle_wake();
}
