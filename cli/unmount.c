#include "cli/unmount.h"
#include "core/base/mountpoint.h"
#include "core/base/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ANSWER_MAX 4096

int unmount_find_fusermount(struct buf *path)
{
	const char *dirs = getenv("PATH");

	if (!dirs || !*dirs)
		dirs = "/usr/local/bin:/usr/bin:/bin";
	while (*dirs) {
		size_t len = strcspn(dirs, ":");

		buf_truncate(path, 0);
		if (buf_printf(path, "%.*s%sfusermount3", (int)len, dirs, len ? "/" : "") < 0)
			return -ENOMEM;
		if (access(path->data, X_OK) == 0)
			return 0;
		dirs += len + (dirs[len] == ':');
	}
	return -ENOENT;
}

/* Its last line is what people are told. */
static void read_answer(int fd, struct buf *out)
{
	while (out->len < ANSWER_MAX && buf_reserve(out, 1024) == 0) {
		ssize_t n = read(fd, out->data + out->len, 1023);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
	}
	while (out->len && out->data[out->len - 1] == '\n')
		buf_truncate(out, out->len - 1);
}

static void exec_fusermount(const char *program, const char *mountpoint, bool lazy, int error_fd)
{
	const char *argv[] = { program, "-u", lazy ? "-z" : "--", lazy ? "--" : mountpoint, lazy ? mountpoint : NULL,
			       NULL };

	dup2(error_fd, STDERR_FILENO);
	setenv("LC_ALL", "C", 1);
	execv(program, (char *const *)argv);
	_exit(127);
}

static int by_fusermount(const char *mountpoint, bool lazy, struct buf *error)
{
	AUTO_BUF program = { 0 };
	int pair[2], status = 0;
	pid_t pid;

	if (unmount_find_fusermount(&program) < 0) {
		buf_puts(error, "fusermount3 is missing; install it: sudo apt install fuse3");
		return -ENOENT;
	}
	if (pipe2(pair, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		exec_fusermount(program.data, mountpoint, lazy, pair[1]);
	close(pair[1]);
	if (pid > 0)
		read_answer(pair[0], error);
	close(pair[0]);
	if (pid < 0)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	/* it looks there who has mounted; a root directory that was just made may lack it */
	if (strstr(buf_str(error), "failed to open /etc/mtab"))
		buf_puts(error, "; make it: sudo ln -s /proc/self/mounts /etc/mtab");
	return strstr(buf_str(error), "busy") ? -EBUSY : -EPERM;
}

int unmount(const char *mountpoint, bool lazy, struct buf *error)
{
	int r;

	if (geteuid() != 0)
		return by_fusermount(mountpoint, lazy, error);
	r = mountpoint_unmount(mountpoint, lazy ? MNT_DETACH : 0);
	if (r == 0)
		return 0;
	buf_printf(error, "%s: %s", mountpoint, strerror(-r));
	return r;
}

int unmount_wait(pid_t keeper, int timeout_ms)
{
	struct proc_stat st;
	AUTO_FD end = keeper > 0 ? (int)syscall(SYS_pidfd_open, keeper, 0) : -1;
	struct pollfd p = { end, POLLIN, 0 };

	/* the number may be another process's by now */
	if (end < 0 || proc_stat(keeper, &st) < 0 || strcmp(st.name, "hrfs-fs") != 0)
		return 0;
	return poll(&p, 1, timeout_ms) == 0 ? -ETIMEDOUT : 0;
}
