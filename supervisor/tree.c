#include "supervisor/tree.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STAT_BYTES 1024

/* The name stands in parentheses and may hold parentheses itself: the last one ends it. */
int tree_parse_stat(const char *line, struct tree_process *out)
{
	const char *open = strchr(line, '('), *close = strrchr(line, ')');
	struct tree_process p = { 0 };
	unsigned long long start;
	size_t len;

	if (!open || !close || close < open || sscanf(line, "%d", &p.pid) != 1)
		return -EINVAL;
	len = (size_t)(close - open) - 1;
	if (len >= sizeof(p.name))
		len = sizeof(p.name) - 1;
	memcpy(p.name, open + 1, len);
	if (sscanf(close + 1,
		   " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &p.state, &p.parent, &p.group, &p.session, &start) != 5)
		return -EINVAL;
	p.start = start;
	*out = p;
	return 0;
}

static ssize_t read_proc(pid_t pid, const char *file, char *data, size_t size)
{
	char path[64];
	ssize_t n;
	AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, data, size - 1);
	if (n < 0)
		return -errno;
	data[n] = '\0';
	return n;
}

int tree_process(pid_t pid, struct tree_process *out)
{
	char line[STAT_BYTES];
	ssize_t n = read_proc(pid, "stat", line, sizeof(line));

	return n < 0 ? (int)n : tree_parse_stat(line, out);
}

static int add(struct tree *t, const struct tree_process *p)
{
	/* a power of two is where it was full */
	if (!(t->count & (t->count - 1))) {
		size_t size = t->count ? t->count * 2 : 1;
		struct tree_process *more = realloc(t->processes, size * sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->processes = more;
	}
	t->processes[t->count++] = *p;
	return 0;
}

static int everything(struct tree *out)
{
	struct tree_process p;
	struct dirent *e;
	DIR *dir = opendir("/proc");
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]) && !tree_process(atoi(e->d_name), &p))
			r = add(out, &p);
	closedir(dir);
	return r;
}

static int by_parent(const void *a, const void *b)
{
	const struct tree_process *x = a, *y = b;

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

bool tree_has(pid_t root, pid_t pid)
{
	struct tree_process p;

	for (int depth = 0; depth < 10000; depth++) {
		if (pid == root)
			return true;
		if (pid <= 1 || tree_process(pid, &p) < 0)
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

int tree_command(pid_t pid, struct buf *out)
{
	struct tree_process p;
	char line[201];
	ssize_t n = read_proc(pid, "cmdline", line, sizeof(line));

	while (n > 0 && line[n - 1] == '\0')
		n--;
	if (n <= 0) {
		int r = tree_process(pid, &p);

		return r < 0 ? r : buf_puts(out, p.name);
	}
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = ' ';
	return buf_put(out, line, (size_t)n);
}

int64_t tree_age_ms(pid_t pid)
{
	long ticks = sysconf(_SC_CLK_TCK);
	struct tree_process p;
	struct timespec now;
	int64_t age;
	int r = tree_process(pid, &p);

	if (r < 0)
		return r;
	clock_gettime(CLOCK_BOOTTIME, &now);
	age = now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)(p.start * 1000 / (uint64_t)ticks);
	return age < 0 ? 0 : age;
}

void tree_done(struct tree *t)
{
	free(t->processes);
	*t = (struct tree){ 0 };
}
