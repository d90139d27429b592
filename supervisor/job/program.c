#include "supervisor/job/program.h"
#include "core/base/cleanup.h"
#include "supervisor/cgroup.h"
#include "supervisor/job/adopt.h"
#include "supervisor/secure_env.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* A binary that a build has just closed may stay "busy" while a child that was forked meanwhile has not exec'ed. */
#define BUSY_TRIES 40
#define BUSY_WAIT_MS 5

static void set_environment(const struct program *p)
{
	char number[16];

	secure_env_restore();
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	if (!p->listen_fds)
		return;
	snprintf(number, sizeof(number), "%d", p->listen_fds);
	setenv("LISTEN_FDS", number, 1);
	/* execve keeps the pid, so that it is the program's own */
	snprintf(number, sizeof(number), "%d", getpid());
	setenv("LISTEN_PID", number, 1);
	if (p->names)
		setenv("LISTEN_FDNAMES", p->names, 1);
}

static void set_signals(void)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		sigaction(sig, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_group(const struct program *p)
{
	if (p->session == PROGRAM_FOREGROUND)
		return;
	setpgid(0, 0);
	/* SIGTTOU is blocked still, or a background group would be stopped by this */
	if (p->session == PROGRAM_PTY)
		tcsetpgrp(STDIN_FILENO, getpid());
}

/* PWD too: shells and Go take the path from there, with its links as the user wrote them */
static int enter(const char *cwd)
{
	return chdir(cwd) || setenv("PWD", cwd, 1) ? -1 : 0;
}

/* A text without #! is for the shell, as shells take it; anything else that the kernel refuses stays refused. */
static void execute_text(const char *file, char **argv)
{
	char begin[256];
	AUTO_FD fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, begin, sizeof(begin));
	size_t count = 0;
	char **more;

	while (argv[count])
		count++;
	more = n <= 0 || memchr(begin, '\0', (size_t)n) ? NULL : calloc(count + 2, sizeof(*more));
	if (more) {
		more[0] = (char *)"sh";
		more[1] = (char *)file;
		memcpy(more + 2, argv + 1, count * sizeof(*more));
		execv("/bin/sh", more);
		free(more);
	}
	errno = ENOEXEC;
}

static void execute_file(const char *file, char **argv)
{
	execv(file, argv);
	if (errno == ENOEXEC)
		execute_text(file, argv);
}

/* as execvp(), but for what is no text */
static void execute(char **argv)
{
	const char *path = getenv("PATH");
	bool denied = false;
	char file[PATH_MAX];

	if (strchr(argv[0], '/')) {
		execute_file(argv[0], argv);
		return;
	}
	for (path = path ? path : "/bin:/usr/bin"; *path; path += *path == ':') {
		int len = (int)strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s%s%s", len, path, len ? "/" : "", argv[0]);
		path += len;
		execute_file(file, argv);
		/* not for a folder that may not be entered: a PATH of another user's has some */
		denied = denied || (errno == EACCES && access(file, F_OK) == 0);
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			return;
	}
	errno = denied ? EACCES : ENOENT;
}

static void run(const struct program *p, pid_t parent, bool in_cgroup, int result_fd)
{
	struct timespec wait = { .tv_nsec = BUSY_WAIT_MS * 1000000L };
	int error = 0, busy = 0;
	char **argv;

	/* should hrfs-job be killed, the supervisor ends the tree; this is for the moment when it is gone too */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (p->cgroup && !in_cgroup)
		cgroup_enter(p->cgroup);
	set_group(p);
	set_environment(p);
	if (p->cwd && enter(p->cwd))
		error = -errno;
	for (int fd = 3; fd < 3 + p->listen_fds; fd++)
		fcntl(fd, F_SETFD, 0);
	if (!error && close_range(3U + (unsigned)p->listen_fds, ~0U, CLOSE_RANGE_CLOEXEC))
		error = errno;
	set_signals();
	argv = p->listen_fds ? adopt_argv(p->argv) : p->argv;
	while (!error) {
		execute(argv);
		if (errno != ETXTBSY || ++busy >= BUSY_TRIES)
			error = errno;
		else
			nanosleep(&wait, NULL);
	}
	while (write(result_fd, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	_exit(127);
}

int program_start(struct program *p)
{
	pid_t parent = getpid(), pid;
	bool in_cgroup;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = cgroup_fork(p->cgroup, &in_cgroup);
	if (pid < 0) {
		int error = errno;

		close(ends[0]);
		close(ends[1]);
		return -error;
	}
	if (pid == 0)
		run(p, parent, in_cgroup, ends[1]);
	/* in both, so that a signal to the group that comes at once finds it */
	if (p->session != PROGRAM_FOREGROUND)
		setpgid(pid, pid);
	close(ends[1]);
	for (int fd = 3; fd < 3 + p->listen_fds; fd++)
		close(fd);
	p->pid = pid;
	p->group = p->session == PROGRAM_FOREGROUND ? 0 : pid;
	p->exec_fd = ends[0];
	return 0;
}

int program_result(struct program *p)
{
	int error = 0;
	ssize_t n;

	do
		n = read(p->exec_fd, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	close(take_fd(&p->exec_fd));
	return n == (ssize_t)sizeof(error) ? error : 0;
}
