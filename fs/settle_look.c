#include "fs/settle_look.h"
#include "core/base/buf.h"
#include "core/base/proc.h"
#include "fs/lower.h"
#include "fs/observe_reach.h"
#include "fs/settle_lock.h"
#include "fs/settle_open.h"
#include "fs/writer.h"
#include <errno.h>

#define CLOSED_TO_US_NS 50000000LL
/*
 * On a busy machine a writer waits for a processor in the middle of a save, for longer than a quiet
 * moment. One that goes to sleep has finished; one that goes on computing is given so long.
 */
#define RUNNING_NS 25000000LL

void look_done(struct look *l)
{
	for (size_t i = 0; i < l->tool_count; i++)
		close(l->tools[i]);
	l->tool_count = 0;
}

static int64_t first_of(const struct rule_batch *b)
{
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < b->count; i++) {
		if (b->marks[i].first_ns < first)
			first = b->marks[i].first_ns;
	}
	return first;
}

/* Its end is an event; only where it cannot be waited for is it looked at again and again. */
static void wait_for_tool(struct look *l, struct rule_batch *b, struct writer_process *p)
{
	b->tool = true;
	if (p->pidfd < 0 || l->tool_count == LOOK_TOOLS) {
		l->again = true;
		return;
	}
	l->tools[l->tool_count++] = p->pidfd;
	p->pidfd = -1;
}

static bool is_running(pid_t tid)
{
	struct proc_stat st;

	return proc_stat(tid, &st) == 0 && (st.state == 'R' || st.state == 'D');
}

static bool may_go_on(const struct rule_batch *b, const struct writer_process *p)
{
	return b->now_ns - p->last_ns < b->quiet_ns + RUNNING_NS &&
	       (is_running(p->tid) || (p->tid != p->pid && is_running(p->pid)));
}

static void look_at_process(struct look *l, struct rule_batch *b, struct writer_process *p, dev_t dev, struct inodes *open)
{
	int r;

	if (p->young)
		wait_for_tool(l, b, p);
	r = open_for_writing(p->pid, dev, open);
	if ((r == -EACCES && b->now_ns - p->last_ns < CLOSED_TO_US_NS) || may_go_on(b, p)) {
		b->tool = true;
		l->again = true;
	}
	if (p->pidfd >= 0)
		close(p->pidfd);
}

/* Which marks are of files in `open`. */
static void find_open(struct look *l, struct rule_batch *b, const struct mark *marks, struct journal *j, int root_fd,
		      const struct inodes *open)
{
	AUTO_BUF path = { 0 };

	for (size_t i = 0; i < b->count; i++) {
		struct identity is;
		struct stat st;
		AUTO_FD fd = -1;

		if (journal_mark_path(j, marks[i].index, &path) < 0)
			continue;
		fd = reach(root_fd, buf_str(&path));
		if (fd < 0 || lower_identify(fd, "", &is, &st) < 0)
			continue;
		b->marks[i].open = inodes_have(open, st.st_ino);
		l->again |= b->marks[i].open;
	}
}

void look_around(struct look *l, struct rule_batch *b, const struct mark *marks, struct journal *j, int root_fd, dev_t dev)
{
	struct writer_process processes[WRITER_PROCESSES];
	size_t n = writer_running(first_of(b), processes);
	struct inodes open = { 0 };

	*l = (struct look){ .tool_count = 0 };
	for (size_t i = 0; i < n; i++)
		look_at_process(l, b, &processes[i], dev, &open);
	inodes_sort(&open);
	if (open.count)
		find_open(l, b, marks, j, root_fd, &open);
	inodes_done(&open);
	b->locked = lock_stands();
	l->again |= b->locked;
}
