/*
 * A job: one program that hrfs runs, with everything it has forked, under an hrfs-job of its own.
 * On the loop's thread only; callbacks come from the loop, never from inside a call.
 *
 *   process_new()    hrfs-job runs, the program not yet: tell the mount process_job_pid(), then
 *   process_go()     -> started, or failed
 *   process_stop()   a signal, and SIGKILL to all when the grace is over
 *                    -> exited (the program itself is gone), then
 *                    -> ended (nothing of its tree is left; p is freed when the callback returns)
 *
 * `ended` comes exactly once for each process_new that succeeded, also when hrfs-job was killed and
 * when the program could not be executed; nothing comes after it.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/loop.h"
#include "core/base/strv.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct output_stream;
struct process;
struct processes;
struct sockets;
struct terminal;

enum process_mode {
	PROCESS_PIPE,	  /* output by pipes, standard input is /dev/null */
	PROCESS_PTY,	  /* a pseudo-terminal of its own (colours, line buffering) */
	PROCESS_TERMINAL, /* hrfs's own terminal: standard input, foreground process group, no capture */
};

struct process_status {
	bool signalled; /* then code is the signal's number */
	int code;
};

struct process_events {
	/*
	 * before `started`, where options had a witness: group tells what the job opens in the mount (a fanotify group,
	 * the callee's from now on), or is -1, and why says for people what stands in its way
	 */
	void (*witness)(struct process *p, int group, const char *why, void *arg);
	/* executed; process_pid() is known */
	void (*started)(struct process *p, void *arg);
	/* could not be executed: text says why and what to do, in one line; `ended` follows */
	void (*failed)(struct process *p, const char *text, void *arg);
	/* the program itself is gone; others of its tree may be left: process_stop() ends those too */
	void (*exited)(struct process *p, struct process_status status, void *arg);
	/* no process of the tree is left and all of its output has been fed */
	void (*ended)(struct process *p, void *arg);
};

/* Everything is copied, or used during the call only, but output, sockets, terminal, events: those outlive the process. */
struct process_options {
	const char *job;	       /* "api/run", for messages */
	char *const *argv;	       /* the first word is looked for in PATH of the job's environment */
	char *const *env;	       /* on top of hrfs's own: "NAME=VALUE"; "NAME" alone removes; NULL: none */
	const char *cwd;	       /* in the mount; NULL: hrfs's own */
	const char *witness;	       /* the mountpoint in which it is watched what the job opens; NULL: it is not */
	const struct sockets *sockets; /* passed on from descriptor 3 with LISTEN_*; NULL: none, and LISTEN_* removed */
	enum process_mode mode;
	struct output_stream *output;	     /* where PIPE's and PTY's output goes */
	struct terminal *terminal;	     /* TERMINAL: whose; PTY: whose size; may be NULL for the others */
	const struct process_events *events; /* each may be NULL but ended */
	void *arg;
};

/*
 * Once, before the first process, by the supervisor's one loop: makes this process a subreaper and
 * takes care of what a killed hrfs-job leaves behind. Children that exist already are never touched.
 * job_program: the path of hrfs-job. 0 or -errno
 */
int processes_new(uv_loop_t *loop, const char *job_program, struct processes **out);
/* every process has ended before */
void processes_free(struct processes *all);
/* how many have not ended yet */
size_t processes_count(const struct processes *all);
/* SIGKILL to everything at once (a second Ctrl-C); each `ended` still comes */
void processes_kill_all(struct processes *all);
/* milliseconds of grace when a caller has none of its own */
#define PROCESS_GRACE_MS 5000

/* 0; -errno: nothing was started, error (one line) says what failed */
int process_new(struct processes *all, const struct process_options *options, struct process **out, struct buf *error);
void process_go(struct process *p);
/*
 * Ask the program's process group to end by `sig` (SIGTERM…); what is left after grace_ms is killed. Once the
 * program is gone, what is left of its tree gets the signal too. While a debugger has a process of
 * the tree stopped, the grace does not run out. Again with a shorter grace: the shorter one counts.
 */
void process_stop(struct process *p, int sig, int64_t grace_ms);
/* SIGKILL to the whole tree, now */
void process_kill(struct process *p);
/* a signal to the program alone (reload: signal:HUP); nothing when it is gone */
void process_signal(struct process *p, int sig);

/* hrfs-job's pid: the root of the job's processes, for hrfs-job-add and tree_below() */
pid_t process_job_pid(const struct process *p);
/* the program's pid; 0 before it started. Not after `exited` */
pid_t process_pid(const struct process *p);
const char *process_job(const struct process *p);
/* "exited with status 1", "was ended by SIGSEGV (core dumped is not said)" in words for people */
void process_status_text(struct process_status status, struct buf *out);
