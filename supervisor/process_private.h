/* Shared by process*.c only. */
#pragma once
#include "supervisor/output.h"
#include "supervisor/process.h"
#include "supervisor/terminal.h"
#include "supervisor/tree.h"

struct process_stream { /* one way of its output */
	int fd;		/* -1: closed, or there is none */
	bool error, polled;
	uv_poll_t poll;
};

struct process {
	struct processes *all;
	struct process *next, **link;
	char *job, *cgroup; /* cgroup: the directory that hrfs-job has made; NULL: none */
	const struct process_events *events;
	void *arg;
	struct output_stream *output;
	struct terminal *terminal; /* lent while it runs; NULL: not its mode */
	struct terminal *pty_size; /* whose size its pseudo-terminal follows; NULL: none */
	struct terminal_resize *resize;

	pid_t job_pid, pid;
	int control, pidfd;
	int namespace; /* of mounts, the job's own; -1: none */
	struct process_stream streams[2];
	uv_poll_t control_poll, pid_poll;
	uv_timer_t timer; /* of the grace, then of hrfs-job's killing, then of the rest of the output */
	int handles;	  /* not closed yet */

	int64_t grace_ms;
	uint64_t grace_end; /* of uv_now(); 0: not asked to end */
	bool lent, went, started, failed, exited, traced;
	bool killed;  /* hrfs-job was told to kill all */
	bool empty;   /* hrfs-job said that nothing is left */
	bool gone;    /* hrfs-job itself is gone */
	bool swept;   /* and nothing of what it may have left either */
	bool drained; /* waited long enough for the end of the output */
};

struct processes {
	uv_loop_t *loop;
	char *program; /* hrfs-job */
	struct process *first;
	size_t count;
	struct tree before; /* was there before the first job: not ours */
	uv_timer_t sweep;
	unsigned sweep_ms, sweep_rounds;
};

/* process_spawn.c: hrfs-job with its descriptors; fills in job_pid, pidfd, control, streams[].fd. 0; -errno with error */
int process_spawn(struct process *p, const struct process_options *o, struct buf *error);
/* process_output.c: a new pseudo-terminal; both O_CLOEXEC. 0 or -errno */
int process_open_pty(const struct process_options *o, int *master, int *slave);
int process_watch_output(struct process *p);
/* what is there now; closes what is at its end. true: all are closed */
bool process_drain_output(struct process *p);
void process_close_output(struct process *p);
/* process_sweep.c: nothing is left of p's tree -> p->swept and process_finish() */
void process_sweep(struct processes *all);
/* process.c: `ended`, once everything is over */
void process_finish(struct process *p);
