#include "supervisor/tree.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int add(struct tree *t, const struct proc_stat *p)
{
	/* a power of two is where it was full */
	if (!(t->count & (t->count - 1))) {
		size_t size = t->count ? t->count * 2 : 1;
		struct proc_stat *more = realloc(t->processes, size * sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->processes = more;
	}
	t->processes[t->count++] = *p;
	return 0;
}

static int everything(struct tree *out)
{
	struct proc_stat p;
	struct dirent *e;
	DIR *dir = opendir("/proc");
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]) && !proc_stat(atoi(e->d_name), &p))
			r = add(out, &p);
	closedir(dir);
	return r;
}

static int by_parent(const void *a, const void *b)
{
	const struct proc_stat *x = a, *y = b;

	return x->parent < y->parent ? -1 : x->parent > y->parent;
}

/* the first one in `all` (sorted by parent) whose parent is not below pid */
static size_t first_child(const struct tree *all, pid_t pid)
{
	size_t low = 0, high = all->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all->processes[middle].parent < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int add_children(struct tree *t, const struct tree *all, pid_t parent)
{
	for (size_t i = first_child(all, parent); i < all->count; i++) {
		int r;

		if (all->processes[i].parent != parent)
			break;
		/* the snapshot is not of one moment: reused pids could make a ring */
		if (t->count >= all->count)
			break;
		r = add(t, &all->processes[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int tree_below(pid_t root, struct tree *out)
{
	AUTO_TREE all = { 0 };
	AUTO_TREE t = { 0 };
	int r = everything(&all);

	if (r < 0)
		return r;
	if (all.count)
		qsort(all.processes, all.count, sizeof(*all.processes), by_parent);
	r = add_children(&t, &all, root);
	for (size_t i = 0; r == 0 && i < t.count; i++)
		r = add_children(&t, &all, t.processes[i].pid);
	if (r < 0)
		return r;
	*out = t;
	t = (struct tree){ 0 };
	return 0;
}

/* the kernel keeps a list of children for each thread */
static int add_listed(struct tree *t, pid_t parent, const char *thread)
{
	struct proc_stat p;
	char path[320];
	FILE *f;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/children", parent, thread);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (r == 0 && fscanf(f, "%d", &p.pid) == 1)
		if (proc_stat(p.pid, &p) == 0 && t->count < 100000)
			r = add(t, &p);
	fclose(f);
	return r;
}

static int add_listed_of_process(struct tree *t, pid_t parent)
{
	struct dirent *e;
	char path[64];
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", parent);
	dir = opendir(path);
	if (!dir)
		return 0; /* it has ended */
	while (r == 0 && (e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		r = add_listed(t, parent, e->d_name);
		/* a thread that has ended since readdir() */
		if (r == -ENOENT || r == -ESRCH)
			r = 0;
	}
	closedir(dir);
	return r;
}

int tree_below_quick(pid_t root, struct tree *out)
{
	static int has_lists = -1;
	AUTO_TREE t = { 0 };
	int r;

	if (has_lists < 0)
		has_lists = access("/proc/thread-self/children", R_OK) == 0;
	if (!has_lists)
		return tree_below(root, out);
	r = add_listed_of_process(&t, root);
	for (size_t i = 0; r == 0 && i < t.count; i++)
		r = add_listed_of_process(&t, t.processes[i].pid);
	if (r < 0)
		return r;
	*out = t;
	t = (struct tree){ 0 };
	return 0;
}

bool tree_has(pid_t root, pid_t pid)
{
	struct proc_stat p;

	for (int depth = 0; depth < 10000; depth++) {
		if (pid == root)
			return true;
		if (pid <= 1 || proc_stat(pid, &p) < 0)
			return false;
		pid = p.parent;
	}
	return false;
}

bool tree_traced(const struct tree *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->processes[i].state == 't')
			return true;
	return false;
}

int tree_signal(const struct proc_stat *p, int sig)
{
	AUTO_FD fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	struct proc_stat now;
	int r;

	if (fd < 0)
		return -errno;
	/* the descriptor holds whatever has the pid now: compare, then nothing can come between */
	r = proc_stat(p->pid, &now);
	if (r < 0)
		return r;
	if (now.start != p->start)
		return -ESRCH;
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) ? -errno : 0;
}

void tree_done(struct tree *t)
{
	free(t->processes);
	*t = (struct tree){ 0 };
}
