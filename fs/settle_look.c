#include "fs/settle_look.h"
#include "core/base/buf.h"
#include "core/base/path.h"
#include "core/base/proc.h"
#include "fs/lower.h"
#include "fs/observe_reach.h"
#include "fs/observe_trace.h"
#include "fs/settle_lock.h"
#include "fs/settle_open.h"
#include "fs/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define CLOSED_TO_US_NS 50000000LL
/*
 * On a busy machine a writer waits for a processor in the middle of a save, for longer than a quiet
 * moment, or its next request waits in the kernel until one of our threads gets one. One that goes to sleep otherwise
 * has finished; one that goes on computing is given so much of a processor.
 */
#define RUNNING_NS 25000000LL
#define RUNNERS 64

/* What a thread had had of a processor when it was first looked at after it had written. */
static struct runner {
	pid_t tid;
	int64_t wrote_ns, ran_ns;
} runners[RUNNERS]; /* by tid; one that takes another's place gives it time anew, which the cap ends */

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

	if (proc_stat(tid, &st) < 0)
		return false;
	return st.state == 'R' || st.state == 'D' || proc_waits_for_fuse(tid);
}

/* Since it, or the process that it goes on for, wrote. */
static int64_t ran_since(pid_t tid, const struct rule_batch *b, int64_t wrote_ns)
{
	struct runner *r = &runners[(unsigned)tid % RUNNERS];
	int64_t ran_ns = proc_ran_ns(tid);

	if (ran_ns < 0)
		return b->now_ns - wrote_ns;
	if (r->tid != tid || r->wrote_ns != wrote_ns)
		*r = (struct runner){ tid, wrote_ns, ran_ns };
	return ran_ns - r->ran_ns;
}

static bool goes_on(const struct rule_batch *b, const struct writer_process *p, pid_t tid)
{
	return is_running(tid) && ran_since(tid, b, p->last_ns) < RUNNING_NS;
}

static bool may_go_on(const struct rule_batch *b, const struct writer_process *p)
{
	return goes_on(b, p, p->tid) || (p->tid != p->pid && goes_on(b, p, p->pid));
}

static bool is_shell(pid_t pid)
{
	static const char *const names[] = { "sh", "dash", "bash", "zsh", "fish", "ksh", "ash", "busybox" };
	struct proc_stat st;

	if (pid <= 1 || proc_stat(pid, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(st.name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool has_running_child(const struct rule_batch *b, const struct writer_process *p, pid_t pid)
{
	char path[64], text[256];
	AUTO_FD fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	for (char *at = text, *end; *at; at = end + strspn(end, " ")) {
		pid_t child = (pid_t)strtol(at, &end, 10);

		if (end == at)
			break;
		if (goes_on(b, p, child))
			return true;
	}
	return false;
}

/* "mkdir -p a && echo >a/b": the shell that has started the one is about to do the other. */
static bool shell_goes_on(const struct rule_batch *b, const struct writer_process *p)
{
	return p->young && is_shell(p->parent) &&
	       (goes_on(b, p, p->parent) || has_running_child(b, p, p->parent));
}

static void look_at_process(struct look *l, struct rule_batch *b, struct writer_process *p, dev_t dev, struct inodes *open)
{
	int r = 0;

	if (p->young && !p->ended)
		wait_for_tool(l, b, p);
	if (!p->ended)
		r = open_for_writing(p->pid, dev, open);
	if ((r == -EACCES && b->now_ns - p->last_ns < CLOSED_TO_US_NS) ||
	    (p->ended ? shell_goes_on(b, p) : may_go_on(b, p))) {
		b->tool = true;
		l->again = true;
	}
	if (p->pidfd >= 0)
		close(p->pidfd);
}

/* An editor keeps its swap file open from one save to the next: that is nothing to wait for. */
static bool is_open(const struct mark *m, struct journal *j, int root_fd, const struct inodes *open)
{
	AUTO_BUF path = { 0 };
	struct identity is;
	struct stat st;
	AUTO_FD fd = -1;

	if (journal_mark_path(j, m->index, &path) < 0 || path_is_editor_temporary(path_base(buf_str(&path))))
		return false;
	fd = reach(root_fd, buf_str(&path));
	return fd >= 0 && lower_identify(fd, "", &is, &st) == 0 && inodes_have(open, st.st_ino);
}

/*
 * Which marks are of files in `open`, as far as it matters: a tool that unpacks thousands of files has one of them open
 * whenever it is looked at, the latest as a rule.
 */
static void find_open(struct look *l, struct rule_batch *b, const struct mark *marks, struct journal *j, int root_fd,
		      const struct inodes *open)
{
	bool held_up = b->tool || b->locked;

	for (size_t i = b->count; i--;) {
		if (!rules_ask_open(b, &b->marks[i], held_up) || !is_open(&marks[i], j, root_fd, open))
			continue;
		b->marks[i].open = true;
		l->again = true;
		held_up |= !b->marks[i].left_over;
	}
}

void look_around(struct look *l, struct rule_batch *b, const struct mark *marks, struct journal *j, int root_fd, dev_t dev)
{
	struct writer_process processes[WRITER_PROCESSES];
	size_t n = writer_list(first_of(b), processes);
	struct inodes open = { 0 };

	*l = (struct look){ .tool_count = 0 };
	for (size_t i = 0; i < b->count; i++) {
		struct trace t = trace_of(marks[i].index, marks[i].first_ns);

		b->marks[i].open = t.writing;
		b->marks[i].begun = t.rounds && !t.next_offset && !t.writing;
		l->closing |= t.writing;
	}
	for (size_t i = 0; i < n; i++)
		look_at_process(l, b, &processes[i], dev, &open);
	b->locked = lock_stands();
	l->again |= b->locked;
	rules_cap(b);
	inodes_sort(&open);
	if (open.count)
		find_open(l, b, marks, j, root_fd, &open);
	inodes_done(&open);
}
