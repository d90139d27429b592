/* Which window's job a thread belongs to: by its mount namespace where the job has one of its own, else by its ancestors. */
#include "fs/window_caller.h"
#include "core/base/proc.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANCESTORS_MAX 64
#define TRIES 16

uint64_t caller_namespace(pid_t tid)
{
	char path[64], text[64];
	unsigned long long number;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)tid);
	n = readlink(path, text, sizeof(text) - 1);
	if (n <= 0)
		return 0; /* it may not be looked into */
	text[n] = '\0';
	return sscanf(text, "mnt:[%llu]", &number) == 1 ? number : 0;
}

bool caller_is_git(pid_t tid)
{
	char path[64], name[32];
	AUTO_FD fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
	if (n < 3)
		return false;
	name[n] = '\0';
	return strncmp(name, "git", 3) == 0 && strchr("\n-", name[3]);
}

/* NULL: none of them; *again: an ancestor has ended just now, and what it leaves has another parent */
static const struct caller_job *go_up(pid_t tid, const struct caller_job *jobs, size_t count, bool *again)
{
	struct proc_stat st;
	pid_t pid = tid;

	*again = false;
	for (int i = 0; pid > 1 && i < ANCESTORS_MAX; i++) {
		for (size_t k = 0; k < count; k++)
			if (jobs[k].pid == pid)
				return &jobs[k];
		if (proc_stat(pid, &st) < 0) {
			*again = pid != tid;
			return NULL;
		}
		pid = st.parent;
	}
	return NULL;
}

static const struct caller_job *by_ancestors(pid_t tid, const struct caller_job *jobs, size_t count)
{
	const struct caller_job *found = NULL;
	bool again = true;

	for (int i = 0; again && i < TRIES; i++)
		found = go_up(tid, jobs, count, &again);
	return found;
}

pid_t caller_descends(pid_t tid, const struct caller_job *jobs, size_t count)
{
	const struct caller_job *j = by_ancestors(tid, jobs, count);

	return j ? j->pid : 0;
}

/* a mount namespace of ours is never left, nor another's number used for it */
static uint64_t own_namespace(void)
{
	static _Atomic uint64_t own;

	if (!own)
		own = caller_namespace(getpid());
	return own;
}

static const struct caller_job *by_namespace(uint64_t ns, const struct caller_job *jobs, size_t count, bool *nobody)
{
	*nobody = ns != 0 && ns == own_namespace();
	for (size_t i = 0; i < count; i++) {
		if (ns && jobs[i].namespace == ns && !jobs[i].shared)
			return &jobs[i];
		if (!jobs[i].namespace || jobs[i].shared)
			*nobody = false; /* one that lives where we do, or is not known */
	}
	return NULL;
}

void caller_find(pid_t tid, const struct caller_job *jobs, size_t count, struct caller_found *out)
{
	uint64_t ns = caller_namespace(tid);
	bool nobody;
	const struct caller_job *j = by_namespace(ns, jobs, count, &nobody);

	*out = (struct caller_found){ .namespace = ns };
	if (!j && !nobody) {
		j = by_ancestors(tid, jobs, count);
		out->asked_ancestors = true;
	}
	if (!j)
		return;
	out->job = j->pid;
	out->git = caller_is_git(tid);
	if (out->git)
		out->pid = proc_of_thread(tid);
}
