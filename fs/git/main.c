/*
 * A tree that is mounted over itself is read through the mount: its path leads there, and libgit2 turns
 * every path into the real one first, so that a descriptor of the lower does not help. That is slower,
 * and cannot end in waiting for ourselves: the worker's request threads never wait for an answer of
 * ours, and whoever does, does so with a time-out. (A mount namespace without the mount would hold on to
 * every other mount there is, and an ordinary user may not take a mount off in one.) What it needs is
 * that the owner of the tree may enter the mount; where root keeps him out (noallow_other), nothing is
 * ignored, and the log says why.
 */
#include "fs/git/discover.h"
#include "fs/git/owner.h"
#include "fs/git/serve.h"
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int usage(void)
{
	fputs("usage: hrfs-git --door FD ROOT\n"
	      "       hrfs-git --discover PATH\n",
	      stderr);
	return 2;
}

/* Nothing of whoever started the mount is kept: neither its terminal or pipes, nor its directory. */
static void leave(void)
{
	const char *debug = getenv("HRFS_DEBUG");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (!debug || !*debug)
			dup2(null, STDERR_FILENO);
		close(null);
	}
	if (chdir("/"))
		return;
}

static int run(const char *mode, const char *first, const char *second)
{
	int fd;

	if (strcmp(mode, "--discover") == 0)
		return discover(first);
	fd = atoi(first);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC))
		return usage();
	leave();
	return serve(fd, second);
}

int main(int argc, char **argv)
{
	bool serves = argc == 4 && strcmp(argv[1], "--door") == 0 && argv[3][0] == '/';
	int r, status;

	if (!serves && !(argc == 3 && strcmp(argv[1], "--discover") == 0))
		return usage();
	signal(SIGPIPE, SIG_IGN);
	r = owner_become(argv[argc - 1]);
	if (r < 0) {
		fprintf(stderr, "hrfs-git: %s: %s\n", argv[argc - 1], strerror(-r));
		return 1;
	}
	if (git_libgit2_init() < 0)
		return 1;
	status = run(argv[1], argv[2], argv[argc - 1]);
	git_libgit2_shutdown();
	return status;
}
