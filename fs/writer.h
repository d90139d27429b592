/*
 * Who writes: the process behind a request's thread id, and the job it belongs to. Any thread; a lock
 * of its own that is never held while /proc is read.
 */
#pragma once
#include "core/change.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Fills pid, command and job of the caller; asked of /proc once for each process and batch (its
 * command may have changed by exec; a descriptor of the process tells one that has its pid again), then cached.
 * Before the reply, while the caller still waits. tid 0 (writeback): *out is left as it is and the answer is false.
 */
bool writer_of(pid_t tid, struct writer *out);
/* A job's first process (hrfs-job): whoever descends from it writes for this job. 0, -ENOSPC or -errno */
int writer_job_add(const char *job, pid_t pid);
void writer_job_remove(const char *job, pid_t pid);

/* ---- who wrote last: for stores through mmap, which come without a caller ---- */

void writer_remember(const char *path, const struct writer *w);
/* false: not known (any more); *out is left as it is */
bool writer_recall(const char *path, struct writer *out);
/* Pages that this process had written have come back: that counts as a write of its own. */
void writer_wrote_back(pid_t pid);

/* ---- for the settler ---- */

struct writer_process {
	pid_t pid, tid;	 /* tid: the thread of its last request */
	pid_t parent;
	bool ended;
	int pidfd;	 /* a duplicate, the caller closes; -1: there is none */
	bool young;	 /* its start was less than 2 s ago at its first write in the batch: a tool */
	int64_t last_ns; /* CLOCK_MONOTONIC of its last request */
};

#define WRITER_PROCESSES 256

/* Those that wrote since then; of ended ones those that are remembered still. The count. */
size_t writer_list(int64_t since_ns, struct writer_process out[static WRITER_PROCESSES]);
/* The batch is over: what is known of each process is asked anew at its next write. */
void writer_next_batch(void);
/* Its start was less than 2 s ago at its first write in the batch, and it still runs: a batch waits for it. */
bool writer_is_short_lived_and_runs(pid_t pid);
