#include "core/base/log.h"
#include "supervisor/supervisor.h"
#include "supervisor/trace.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LOG_MAX_BYTES (4 * 1024 * 1024)

/* into the log of the mount: SOCK's name with another end */
static void log_beside(const char *socket)
{
	AUTO_BUF path = { 0 };
	size_t len = strlen(socket);

	if (len < 5 || strcmp(socket + len - 5, ".sock") != 0)
		return;
	if (buf_put(&path, socket, len - 4) == 0 && buf_puts(&path, "log") == 0)
		log_to_file(path.data, LOG_MAX_BYTES);
}

static int leave_terminal(void)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	setsid();
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(null, fd) < 0)
			return -errno;
	}
	return 0;
}

int main(int argc, char **argv)
{
	AUTO_BUF error = { 0 };
	struct options options;
	int status = SUPERVISOR_FAILED;

	signal(SIGPIPE, SIG_IGN);
	if (options_parse(argc, argv, &options, &error) < 0) {
		fprintf(stderr, "hrfs-supervisor: %s\n", buf_str(&error));
	} else if (chdir("/")) {
		fprintf(stderr, "hrfs-supervisor: /: %s\n", strerror(errno));
	} else {
		if (options.detached) {
			log_beside(options.socket);
			leave_terminal();
		}
		status = options.trace ? trace_run(&options) : supervisor_run(&options);
	}
	options_done(&options);
	return status;
}
