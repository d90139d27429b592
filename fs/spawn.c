#include "fs/spawn.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/control.h"
#include "fs/oom.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void default_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

/*
 * "--worker PROTOCOL MEMORY CONTROL [STDERR]": what every program that is to serve under this keeper has to know.
 * STDERR: it is to say first whether it fits, and standard error is that descriptor from then on.
 */
static void exec_worker(int program, int memfd, int control, int later_stderr)
{
	char protocol_text[16], memory_text[16], control_text[16], stderr_text[16];
	char *const argv[] = { (char[]){ "hrfs-fs" },
			       (char[]){ "--worker" },
			       protocol_text,
			       memory_text,
			       control_text,
			       later_stderr < 0 ? NULL : stderr_text,
			       NULL };

	for (uint32_t i = 0; i < LANES_MAX; i++)
		fcntl(shared->config.device_fds[i], F_SETFD, 0);
	fcntl(shared->config.root_fd, F_SETFD, 0);
	fcntl(shared->config.listener, F_SETFD, 0);
	fcntl(memfd, F_SETFD, 0);
	if (shared->config.sidedoor)
		fcntl(shared->config.sidedoor_group, F_SETFD, 0);
	fcntl(control, F_SETFD, 0);
	snprintf(protocol_text, sizeof(protocol_text), "%d", KEEPER_PROTOCOL);
	snprintf(memory_text, sizeof(memory_text), "%d", memfd);
	snprintf(control_text, sizeof(control_text), "%d", control);
	snprintf(stderr_text, sizeof(stderr_text), "%d", later_stderr);
	execveat(program, "", argv, environ, AT_EMPTY_PATH);
}

/* its own end in *child and the keeper's in *keeper. The pid, 0 in the child, or -errno */
static pid_t fork_with_socket(int type, int *child, int *keeper)
{
	int pair[2];
	pid_t pid;

	*child = -1;
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid < 0)
		pid = -errno;
	if (pid == 0) {
		close(pair[0]);
		*child = pair[1];
		return 0;
	}
	close(pair[1]);
	if (pid < 0)
		close(pair[0]);
	else
		*keeper = pair[0];
	return pid;
}

pid_t spawn_worker(const struct program *p, int memfd, int *control)
{
	int own;
	pid_t pid = fork_with_socket(SOCK_SEQPACKET, &own, control);

	if (pid)
		return pid;
	default_signals();
	exec_worker(p->worker, memfd, own, -1);
	_exit(127);
}

static int send_program(int control, enum control_message m, const char *path)
{
	int fd = program_open(path, makedev(0, shared->config.device_minor), shared->config.root_fd);

	if (fd == -EPERM)
		fprintf(stderr, "%s: root executes it only when it is root's and nobody else can write to it\n", path);
	else if (fd < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(-fd));
	else
		control_send(control, m, 0, fd);
	return fd;
}

/* In a process of its own: a path may lead into the mount, and then wait for a worker, which the keeper must never do. */
static void become_candidate(const char *worker_path, const char *git_path, int memfd, int errors, int control)
{
	int later_stderr = fcntl(STDERR_FILENO, F_DUPFD, 3);
	int program;

	default_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* while it waits, it holds what tells the worker that the keeper is dead */
	dup2(errors, STDERR_FILENO);
	program = send_program(control, CONTROL_PROGRAM, worker_path);
	if (program < 0 || send_program(control, CONTROL_GIT_PROGRAM, git_path) < 0)
		_exit(126);
	prctl(PR_SET_PDEATHSIG, 0);
	exec_worker(program, memfd, control, later_stderr);
	fprintf(stderr, "%s: it cannot be executed: %s\n", worker_path, strerror(errno));
}

pid_t spawn_candidate(const char *worker_path, const char *git_path, int memfd, int errors, int *control)
{
	int own;
	pid_t pid = fork_with_socket(SOCK_SEQPACKET, &own, control);

	if (pid)
		return pid;
	become_candidate(worker_path, git_path, memfd, errors, own);
	_exit(127);
}

/* A repository may be hostile: libgit2 reads it as its owner, never as root. */
static int become_owner(int root_fd)
{
	struct stat st;
	struct passwd *pw;

	if (geteuid() != 0 || fstat(root_fd, &st) || st.st_uid == 0)
		return 0;
	pw = getpwuid(st.st_uid);
	if (pw ? initgroups(pw->pw_name, st.st_gid) : setgroups(0, NULL))
		return -errno;
	return setgid(st.st_gid) || setuid(st.st_uid) ? -errno : 0;
}

/*
 * Whoever owns the tree can read what a process of his was started with: of root's environment only what it needs, no
 * secrets, nor configuration of git's that may hold some.
 */
static void forget_environment(void)
{
	static const char *const kept[] = { "PATH",	    "TZ",	     "HRFS_DEBUG",   "HRFS_LIBEXECDIR", "GIT_CONFIG_NOSYSTEM",
					    "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS" };
	const char *values[ARRAY_SIZE(kept)];

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		values[i] = getenv(kept[i]);
	clearenv();
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (values[i])
			setenv(kept[i], values[i], 1);
	}
}

static void exec_git(const struct program *p, int root_fd, int door, const char *root)
{
	char text[16];
	char *const argv[] = { (char[]){ "hrfs-git" }, (char[]){ "--door" }, text, (char *)root, NULL };
	uid_t before = geteuid();

	default_signals();
	oom_spare_no_more();
	if (become_owner(root_fd) || setsid() < 0)
		_exit(126);
	if (geteuid() != before)
		forget_environment();
	fcntl(door, F_SETFD, 0);
	fcntl(p->git, F_SETFD, 0); /* were it a script, its interpreter would read it there */
	snprintf(text, sizeof(text), "%d", door);
	execveat(p->git, "", argv, environ, AT_EMPTY_PATH);
	_exit(127);
}

pid_t spawn_git(const struct program *p, const struct worker_config *c, int *door)
{
	int own;
	pid_t pid;

	if (p->git < 0) {
		log_warn("event=no_git_helper meaning=\"nothing counts as ignored\"");
		return -ENOENT;
	}
	pid = fork_with_socket(SOCK_SEQPACKET, &own, door);
	if (pid == 0)
		exec_git(p, c->root_fd, own, *c->source_path ? c->source_path : c->source);
	return pid;
}

static void exec_replay(int program, int socket, const char *mountpoint)
{
	char text[16];
	char *const argv[] = { (char[]){ "hrfs-fs" }, (char[]){ "--replay" }, text, (char *)mountpoint, NULL };

	default_signals();
	oom_spare_no_more();
	if (setsid() < 0 || chdir("/"))
		_exit(126);
	fcntl(socket, F_SETFD, 0);
	snprintf(text, sizeof(text), "%d", socket);
	execveat(program, "", argv, environ, AT_EMPTY_PATH);
	_exit(127);
}

pid_t spawn_replay(const struct program *p, const struct worker_config *c, int *socket)
{
	int own;
	pid_t pid = fork_with_socket(SOCK_SEQPACKET, &own, socket);

	if (pid == 0)
		exec_replay(p->worker, own, c->mountpoint);
	return pid;
}
