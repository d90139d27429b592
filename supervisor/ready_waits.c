/* Does a process wait for connections on a socket? Its threads' system calls and its epoll sets say so. */
#include "supervisor/ready_look.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_POLLED 1024

enum waiting { IN_ACCEPT, IN_POLL, IN_SELECT, IN_RING };

static const struct {
	long number;
	enum waiting how;
} calls[] = {
	{ SYS_accept, IN_ACCEPT },
	{ SYS_accept4, IN_ACCEPT },
	{ SYS_ppoll, IN_POLL },
	{ SYS_pselect6, IN_SELECT },
#ifdef SYS_poll /* newer processors have only the ones with a p before */
	{ SYS_poll, IN_POLL },
	{ SYS_select, IN_SELECT },
#endif
	/* what a ring was asked for cannot be seen: who waits in one and holds the socket counts */
	{ SYS_io_uring_enter, IN_RING },
};

static ssize_t peek(pid_t pid, unsigned long address, void *data, size_t len)
{
	struct iovec local = { .iov_base = data, .iov_len = len };
	struct iovec remote = { .iov_base = (void *)address, .iov_len = len };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

static int polls(pid_t pid, int fd, unsigned long address, unsigned long count)
{
	struct pollfd polled[MAX_POLLED];
	ssize_t n;

	if (count > MAX_POLLED)
		count = MAX_POLLED;
	n = peek(pid, address, polled, count * sizeof(*polled));
	if (n < 0)
		return errno == ESRCH ? 0 : -EACCES;
	for (size_t i = 0; i < (size_t)n / sizeof(*polled); i++)
		if (polled[i].fd == fd && (polled[i].events & POLLIN))
			return 1;
	return 0;
}

static int selects(pid_t pid, int fd, unsigned long address, unsigned long count)
{
	fd_set set;

	if (!address || (unsigned long)fd >= count || fd >= FD_SETSIZE)
		return 0;
	FD_ZERO(&set);
	/* up to the byte that holds fd: the set may end there */
	if (peek(pid, address, &set, (size_t)fd / 8 + 1) < 0)
		return errno == ESRCH ? 0 : -EACCES;
	return FD_ISSET(fd, &set);
}

/* one thread, by the line of its /proc/PID/task/TID/syscall */
static int thread_waits(pid_t pid, int fd, const char *line)
{
	unsigned long args[2];
	long number;

	if (sscanf(line, "%ld %lx %lx", &number, &args[0], &args[1]) != 3)
		return 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].number != number)
			continue;
		switch (calls[i].how) {
		case IN_ACCEPT:
			return args[0] == (unsigned long)fd;
		case IN_POLL:
			return polls(pid, fd, args[0], args[1]);
		case IN_SELECT:
			return selects(pid, fd, args[1], args[0]);
		case IN_RING:
			return 1;
		}
	}
	return 0;
}

static int threads_wait(pid_t pid, int fd)
{
	static int has_calls = -1;
	char path[320], line[256];
	struct dirent *e;
	DIR *dir;
	int r = 0;

	if (has_calls < 0)
		has_calls = access("/proc/self/syscall", F_OK) == 0;
	if (!has_calls)
		return -EACCES;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && r <= 0 && (e = readdir(dir))) {
		FILE *f;
		int one = 0;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", pid, e->d_name);
		errno = 0;
		f = fopen(path, "re");
		if (f && fgets(line, sizeof(line), f))
			one = thread_waits(pid, fd, line);
		else if (errno == EACCES || errno == EPERM)
			one = -EACCES;
		r = one ? one : r;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return r;
}

/* is the socket in the epoll set of descriptor `name`? */
static bool set_has(pid_t pid, const char *name, uint64_t inode)
{
	char path[320], line[256];
	unsigned long long number;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		const char *ino = strncmp(line, "tfd:", 4) == 0 ? strstr(line, " ino:") : NULL;

		found = ino && sscanf(ino + 5, "%llx", &number) == 1 && number == inode;
	}
	fclose(f);
	return found;
}

static bool epolls(pid_t pid, uint64_t inode)
{
	char path[64], target[64];
	bool found = false;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		found = strcmp(target, "anon_inode:[eventpoll]") == 0 && set_has(pid, e->d_name, inode);
	}
	if (dir)
		closedir(dir);
	return found;
}

int look_waits(pid_t pid, int fd, uint64_t inode)
{
	return epolls(pid, inode) ? 1 : threads_wait(pid, fd);
}
