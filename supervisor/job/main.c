/*
 * hrfs-job: starts the program of one job and is the subreaper of everything that comes of it, so that nothing is
 * left when the job has ended. The supervisor starts it and talks to it over a socket.
 */
#include "supervisor/job/adopt.h"
#include "supervisor/job/life.h"
#include "supervisor/job/witness.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

static const char usage[] = "hrfs-job --control FD [--cwd DIR] [--listen-fds N] [--listen-names A:B] "
			    "[--pty|--foreground] [--witness DIR] -- PROGRAM [ARG…]\n"
			    "hrfs-job --why-not\n"
			    "Started by hrfs-supervisor; it is of no use by hand.\n";

static const struct option options[] = {
	{ "control", required_argument, NULL, 'c' },
	{ "cwd", required_argument, NULL, 'd' },
	{ "listen-fds", required_argument, NULL, 'n' },
	{ "listen-names", required_argument, NULL, 'N' },
	{ "pty", no_argument, NULL, 'p' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "witness", required_argument, NULL, 'w' },
	{ 0 },
};

/* 0 or -EINVAL */
static int take_options(int argc, char **argv, struct program *p, int *control, const char **witness)
{
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			*control = atoi(optarg);
			break;
		case 'd':
			p->cwd = optarg;
			break;
		case 'n':
			p->listen_fds = atoi(optarg);
			break;
		case 'N':
			p->names = optarg;
			break;
		case 'p':
			p->session = PROGRAM_PTY;
			break;
		case 'f':
			p->session = PROGRAM_FOREGROUND;
			break;
		case 'w':
			*witness = optarg;
			break;
		default:
			return -EINVAL;
		}
	}
	p->argv = argv + optind;
	return *control < 3 || optind >= argc || p->listen_fds < 0 ? -EINVAL : 0;
}

/* A session of its own, or the group that the supervisor has made the terminal's foreground (or will). */
static void set_session(enum program_session session)
{
	if (session == PROGRAM_FOREGROUND) {
		setpgid(0, 0);
		return;
	}
	setsid();
	if (session == PROGRAM_PTY)
		ioctl(STDIN_FILENO, TIOCSCTTY, 0);
}

/* With whatever the file's capability has given: the mark, and then no capability any more. */
static void begin_witness(int control, const char *mountpoint)
{
	AUTO_BUF why = { 0 };
	AUTO_FD group = -1;

	if (mountpoint)
		witness_begin(mountpoint, &group, &why);
	witness_drop();
	if (mountpoint)
		witness_tell(control, group, buf_str(&why));
}

/* For whoever wants to know before there is a job. */
static int say_why_not(void)
{
	AUTO_BUF why = { 0 };
	int r = witness_probe(&why);

	witness_drop();
	if (r < 0)
		puts(buf_str(&why));
	return 0;
}

int main(int argc, char **argv)
{
	struct program program = { 0 };
	const char *witness = NULL;
	int control = -1, r;
	sigset_t all;

	if (argc > 2 && strcmp(argv[1], "--adopt") == 0) {
		witness_drop();
		fprintf(stderr, "hrfs-job: %s: %s\n", argv[2], strerror(adopt_execute(argv + 2)));
		return 125;
	}
	if (argc == 2 && strcmp(argv[1], "--why-not") == 0)
		return say_why_not();
	r = take_options(argc, argv, &program, &control, &witness);
	if (r < 0)
		witness = NULL;
	begin_witness(control, witness);
	if (r < 0) {
		fputs(usage, stderr);
		return 125;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (fcntl(control, F_SETFD, FD_CLOEXEC) || prctl(PR_SET_CHILD_SUBREAPER, 1)) {
		fprintf(stderr, "hrfs-job: %s\n", strerror(errno));
		return 125;
	}
	set_session(program.session);
	r = life_run(&program, control);
	if (r < 0)
		fprintf(stderr, "hrfs-job: %s\n", strerror(-r));
	/* at once: what a sanitizer does at the end stops all threads by signals, and the terminal that goes now sends others */
	_exit(r < 0 ? 125 : 0);
}
