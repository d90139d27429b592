#include "fs/spawn.h"
#include "core/base/exe.h"
#include "core/base/log.h"
#include "fs/oom.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void default_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void exec_worker(int memfd, int control)
{
	char memory_text[16], control_text[16];

	default_signals();
	for (uint32_t i = 0; i < LANES_MAX; i++)
		fcntl(shared->config.device_fds[i], F_SETFD, 0);
	fcntl(shared->config.root_fd, F_SETFD, 0);
	fcntl(shared->config.listener, F_SETFD, 0);
	fcntl(memfd, F_SETFD, 0);
	if (shared->config.sidedoor) {
		fcntl(shared->config.sidedoor_group, F_SETFD, 0);
		fcntl(shared->config.sidedoor_memory, F_SETFD, 0);
	}
	fcntl(control, F_SETFD, 0);
	snprintf(memory_text, sizeof(memory_text), "%d", memfd);
	snprintf(control_text, sizeof(control_text), "%d", control);
	/* the program as it is now, also when the file has been replaced */
	execl("/proc/self/exe", "hrfs-fs", "--worker", memory_text, control_text, NULL);
	_exit(127);
}

pid_t spawn_worker(int memfd, int *control)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid == 0)
		exec_worker(memfd, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -errno;
	}
	*control = pair[0];
	return pid;
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

static struct buf git_path;
static int git_program = -1; /* O_PATH */

void spawn_prepare(void)
{
	if (exe_find("hrfs-git", &git_path) == 0)
		git_program = open(git_path.data, O_PATH | O_CLOEXEC);
}

static void exec_git(int root_fd, int socket, const char *root)
{
	char text[16];
	char *const argv[] = { (char[]){ "hrfs-git" }, (char[]){ "--socket" }, text, (char *)root, NULL };

	default_signals();
	oom_spare_no_more();
	if (become_owner(root_fd) || setsid() < 0)
		_exit(126);
	fcntl(socket, F_SETFD, 0);
	snprintf(text, sizeof(text), "%d", socket);
	execveat(git_program, "", argv, environ, AT_EMPTY_PATH);
	execv(git_path.data, argv); /* a script can't be read through a descriptor that is closed then */
	_exit(127);
}

pid_t spawn_git(const struct worker_config *c, int *socket)
{
	int pair[2];
	pid_t pid;

	if (git_program < 0) {
		log_warn("event=no_git_helper meaning=\"nothing counts as ignored\"");
		return -ENOENT;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid == 0)
		exec_git(c->root_fd, pair[1], c->source);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	*socket = pair[0];
	return pid;
}

static void exec_replay(int socket, const char *mountpoint)
{
	char text[16];

	default_signals();
	oom_spare_no_more();
	if (setsid() < 0 || chdir("/"))
		_exit(126);
	fcntl(socket, F_SETFD, 0);
	snprintf(text, sizeof(text), "%d", socket);
	execl("/proc/self/exe", "hrfs-fs", "--replay", text, mountpoint, NULL);
	_exit(127);
}

pid_t spawn_replay(const struct worker_config *c, int *socket)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid == 0)
		exec_replay(pair[1], c->mountpoint);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	*socket = pair[0];
	return pid;
}
