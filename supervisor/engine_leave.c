/*
 * Generations that were asked to end while another one serves. On a held socket such a one may still accept:
 * until it cannot any more, an answer may come from the old code.
 */
#include "supervisor/engine_service.h"
#include "supervisor/tree.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define DRAIN_FIRST_MS 1
#define DRAIN_LAST_MS 50

/* does a process of it still have one of the sockets, so that it may accept from it? */
static bool process_has_socket(pid_t pid, const struct sockets *sockets)
{
	char path[64], target[64];
	struct dirent *d;
	bool found = false;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	while (fds && !found && (d = readdir(fds))) {
		unsigned long long inode;
		ssize_t n;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		n = readlinkat(dirfd(fds), d->d_name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		found = sscanf(target, "socket:[%llu]", &inode) == 1 && sockets_has_inode(sockets, inode);
	}
	if (fds)
		closedir(fds);
	return found;
}

static bool may_accept(struct generation *g)
{
	AUTO_TREE tree = { 0 };

	if (!g->job || !job_process(g->job) || !g->held || !g->held->sockets)
		return false;
	if (tree_below_quick(process_job_pid(job_process(g->job)), &tree) < 0)
		return true;
	for (size_t i = 0; i < tree.count; i++) {
		if (tree.processes[i].state != 'Z' && process_has_socket(tree.processes[i].pid, g->held->sockets))
			return true;
	}
	return false;
}

bool run_is_draining(const struct service *s)
{
	for (const struct generation *g = s->leaving; g; g = g->next) {
		if (g->accepts)
			return true;
	}
	return false;
}

static void look_at_leaving(uv_timer_t *timer)
{
	struct service *s = timer->data;
	unsigned ms = DRAIN_FIRST_MS << (s->drain_polls < 6 ? s->drain_polls : 6);

	for (struct generation *g = s->leaving; g; g = g->next)
		g->accepts = g->accepts && may_accept(g);
	if (!run_is_draining(s)) {
		s->engine->o.moved(s->engine->o.arg);
		return;
	}
	s->drain_polls++;
	uv_timer_start(timer, look_at_leaving, ms < DRAIN_LAST_MS ? ms : DRAIN_LAST_MS, 0);
}

void run_leave(struct service *s, struct generation *g)
{
	ready_free(g->ready);
	g->ready = NULL;
	g->place = PLACE_LEAVING;
	g->accepts = g->held != NULL;
	g->next = s->leaving;
	s->leaving = g;
	run_stop(g);
	s->drain_polls = 0;
	uv_timer_start(s->drain_timer, look_at_leaving, DRAIN_FIRST_MS, 0);
}

void run_left(struct service *s, struct generation *gone)
{
	for (struct generation **g = &s->leaving; *g; g = &(*g)->next) {
		if (*g == gone) {
			*g = gone->next;
			return;
		}
	}
}
