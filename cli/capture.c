#include "cli/capture.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>

static int read_all(int fd, size_t max, struct buf *out)
{
	while (out->len < max) {
		ssize_t n;

		if (buf_reserve(out, 4096) < 0)
			return -ENOMEM;
		n = read(fd, out->data + out->len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
	}
	return -EFBIG;
}

static void quiet(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
}

int capture(const char *const argv[], size_t max, struct buf *out)
{
	int pair[2], status = 0;
	pid_t pid;
	int r;

	if (pipe2(pair, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0) {
		dup2(pair[1], STDOUT_FILENO);
		quiet();
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(pair[1]);
	r = pid < 0 ? -EAGAIN : read_all(pair[0], max, out);
	close(pair[0]); /* one that prints too much ends by SIGPIPE */
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}
