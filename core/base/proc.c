#include "core/base/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define STAT_BYTES 1024
#define STATUS_BYTES 512 /* Tgid stands in the first lines */

/* The name stands in parentheses and may hold parentheses itself: the last one ends it. */
int proc_stat_parse(const char *line, struct proc_stat *out)
{
	const char *open = strchr(line, '('), *close = strrchr(line, ')');
	struct proc_stat p = { 0 };
	unsigned long long used[4], start;
	size_t len;

	if (!open || !close || close < open || sscanf(line, "%d", &p.pid) != 1)
		return -EINVAL;
	len = (size_t)(close - open) - 1;
	if (len >= sizeof(p.name))
		len = sizeof(p.name) - 1;
	memcpy(p.name, open + 1, len);
	if (sscanf(close + 1,
		   " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu %*d %*d %*d %*d %llu", &p.state,
		   &p.parent, &p.group, &p.session, &used[0], &used[1], &used[2], &used[3], &start) != 9)
		return -EINVAL;
	p.start = start;
	for (int i = 0; i < 4; i++)
		p.used += used[i];
	*out = p;
	return 0;
}

static ssize_t read_proc(pid_t pid, const char *name, char *data, size_t size)
{
	char path[64];
	ssize_t n;
	AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, data, size - 1);
	if (n < 0)
		return -errno;
	data[n] = '\0';
	return n;
}

int proc_stat(pid_t pid, struct proc_stat *out)
{
	char line[STAT_BYTES];
	ssize_t n = read_proc(pid, "stat", line, sizeof(line));

	return n < 0 ? (int)n : proc_stat_parse(line, out);
}

pid_t proc_of_thread(pid_t tid)
{
	char text[STATUS_BYTES];
	ssize_t n = read_proc(tid, "status", text, sizeof(text));
	const char *line;
	int pid;

	if (n < 0)
		return (pid_t)n;
	/* a newline in a process's name is written as \n, so a line's start is one */
	line = strstr(text, "\nTgid:");
	return line && sscanf(line + 6, "%d", &pid) == 1 ? pid : -ESRCH;
}

int proc_command(pid_t pid, struct buf *out)
{
	struct proc_stat p;
	char line[201];
	ssize_t n = read_proc(pid, "cmdline", line, sizeof(line));

	while (n > 0 && line[n - 1] == '\0')
		n--;
	if (n <= 0) {
		int r = proc_stat(pid, &p);

		return r < 0 ? r : buf_puts(out, p.name);
	}
	for (ssize_t i = 0; i < n; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = ' ';
	}
	return buf_put(out, line, (size_t)n);
}

/* Documentation/scheduler/sched-stats.rst: the first number is the time on a processor */
int64_t proc_ran_ns(pid_t tid)
{
	char text[64];
	ssize_t n = read_proc(tid, "schedstat", text, sizeof(text));
	long long ran;

	if (n < 0)
		return n;
	return sscanf(text, "%lld", &ran) == 1 && ran > 0 ? ran : -ESRCH;
}

/* By the name of the kernel's function that it sleeps in: its state is that of any other sleep. */
bool proc_waits_for_fuse(pid_t tid)
{
	char function[64];

	return read_proc(tid, "wchan", function, sizeof(function)) > 0 && strcmp(function, "request_wait_answer") == 0;
}

int64_t proc_age_ms(pid_t pid)
{
	uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	struct proc_stat p;
	struct timespec now;
	int64_t age;
	int r = proc_stat(pid, &p);

	if (r < 0)
		return r;
	clock_gettime(CLOCK_BOOTTIME, &now);
	age = now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)(p.start * 1000 / ticks);
	return age < 0 ? 0 : age;
}
