#include "cli/probe.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 2000

int probe(const char *path)
{
	pid_t pid = fork();
	AUTO_FD end = -1;
	struct pollfd p;
	struct statfs fs;
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(statfs(path, &fs) ? errno : 0);
	end = (int)syscall(SYS_pidfd_open, pid, 0);
	p = (struct pollfd){ end, POLLIN, 0 };
	if (end >= 0 && poll(&p, 1, TIMEOUT_MS) == 0) {
		kill(pid, SIGKILL); /* a request to FUSE can be killed; init reaps it */
		return -ETIMEDOUT;
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}
