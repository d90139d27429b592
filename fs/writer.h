/* Who writes: the process behind a request's thread id, and the job it belongs to. */
#pragma once
#include "core/change.h"

/*
 * Fills pid, command and job of the caller; asked of /proc once for each process (its start time
 * tells one that has its pid again), then cached. Before the reply, while the caller still waits.
 * tid 0 (writeback): *out is left as it is and the answer is false.
 */
bool writer_of(pid_t tid, struct writer *out);
/* A job's first process (hrfs-job): whoever descends from it writes for this job. */
int writer_job_add(const char *job, pid_t pid);
void writer_job_remove(const char *job, pid_t pid);
/* Its start was less than 2 s ago at its first write, and it still runs: a batch waits for it. */
bool writer_is_short_lived_and_runs(pid_t pid);
