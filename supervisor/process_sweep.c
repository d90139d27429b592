/*
 * What a killed hrfs-job leaves behind becomes the supervisor's children. They are told from others by what they are
 * not: another hrfs-job or below one, or there before the first job, or in the session of such a one (the daemon of
 * the mount, when this process has started that, and whatever it starts later).
 */
#include "supervisor/process_private.h"
#include "core/base/log.h"
#include "supervisor/cgroup.h"
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#define SWEEP_FIRST_MS 5
#define SWEEP_LAST_MS 200
#define MAX_DENIED 20 /* rounds after which what may not be killed (sudo) is let be */

static bool is_job(const struct processes *all, pid_t pid)
{
	for (const struct process *p = all->first; p; p = p->next)
		if (!p->gone && p->job_pid == pid)
			return true;
	return false;
}

static bool was_before(const struct processes *all, const struct proc_stat *p)
{
	pid_t session = getsid(0);

	for (size_t i = 0; i < all->before.count; i++) {
		const struct proc_stat *b = &all->before.processes[i];

		if ((b->pid == p->pid && b->start == p->start) || (b->session == p->session && b->session != session))
			return true;
	}
	return false;
}

/* Which of the tree are not of a killed job; a child goes with its parent, which stands before it. */
static bool is_spared(const struct processes *all, const struct tree *t, const bool *spared, size_t i)
{
	const struct proc_stat *p = &t->processes[i];

	if (is_job(all, p->pid) || was_before(all, p))
		return true;
	for (size_t k = 0; k < i; k++)
		if (t->processes[k].pid == p->parent)
			return spared[k];
	return false;
}

/* how many are left */
static size_t round_of(struct processes *all)
{
	AUTO_TREE t = { 0 };
	AUTO_FREE bool *spared = NULL;
	size_t left = 0;

	for (struct process *p = all->first; p; p = p->next)
		if (p->gone && !p->empty && p->cgroup)
			cgroup_kill(p->cgroup);
	if (tree_below(getpid(), &t) < 0)
		return 1;
	spared = calloc(t.count + 1, sizeof(*spared));
	for (size_t i = 0; spared && i < t.count; i++) {
		const struct proc_stat *p = &t.processes[i];

		spared[i] = is_spared(all, &t, spared, i);
		if (spared[i])
			continue;
		if (tree_signal(p, SIGKILL) == -EPERM && all->sweep_rounds >= MAX_DENIED) {
			log_warn("event=job_left pid=%d name=\"%s\" reason=\"it is another user's\"", p->pid, p->name);
			continue;
		}
		left++;
		if (p->parent == getpid() && waitpid(p->pid, NULL, WNOHANG) == p->pid)
			left--;
	}
	all->sweep_rounds++;
	return spared ? left : 1;
}

/* `ended` may start other jobs or drop some: the list is gone through from its start each time */
static void finish_swept(struct processes *all)
{
	bool found = true;

	while (found) {
		found = false;
		for (struct process *p = all->first; p && !found; p = p->next) {
			if (!p->gone || p->empty || p->swept)
				continue;
			p->swept = found = true;
			process_finish(p);
			break;
		}
	}
}

static void sweep_turn(uv_timer_t *timer)
{
	struct processes *all = timer->data;

	if (round_of(all) > 0) {
		all->sweep_ms = all->sweep_ms * 2 < SWEEP_LAST_MS ? all->sweep_ms * 2 : SWEEP_LAST_MS;
		uv_timer_start(timer, sweep_turn, all->sweep_ms, 0);
		return;
	}
	finish_swept(all);
}

void process_sweep(struct processes *all)
{
	all->sweep_ms = SWEEP_FIRST_MS;
	all->sweep_rounds = 0;
	uv_timer_start(&all->sweep, sweep_turn, 0, 0);
}
