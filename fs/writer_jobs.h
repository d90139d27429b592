/* Which job a process belongs to, by its ancestors. Any thread; blocking reads of /proc. */
#pragma once
#include "core/change.h"
#include <sys/types.h>

/* "" when it is nobody's */
void writer_job_of(pid_t pid, char job[static WRITER_JOB_SIZE]);
/* counts changes of the table of jobs: an answer from another version may be old */
unsigned writer_jobs_version(void);
