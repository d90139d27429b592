/* The program of a job: one fork, one exec, and how it went. For hrfs-job's only thread. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

enum program_session {
	PROGRAM_DETACHED,   /* no terminal */
	PROGRAM_PTY,	    /* standard input is the terminal of a session of our own */
	PROGRAM_FOREGROUND, /* shares hrfs-job's process group, which is the terminal's foreground */
};

struct program {
	char **argv;
	const char *cwd;    /* NULL: hrfs-job's own */
	int listen_fds;	    /* how many, from descriptor 3; closed here once the program has them */
	const char *names;  /* LISTEN_FDNAMES; NULL: none */
	const char *cgroup; /* directory; NULL: none */
	enum program_session session;

	pid_t pid;   /* 0: not forked, or reaped */
	pid_t group; /* its process group; 0: hrfs-job's own */
	int exec_fd; /* readable once it was executed (end of file) or not (an errno); else -1 */
};

/* forks; the rest is told by exec_fd. 0 or -errno */
int program_start(struct program *p);
/* exec_fd is readable: 0 executed, the errno of execve, or -errno of entering cwd; closes exec_fd */
int program_result(struct program *p);
