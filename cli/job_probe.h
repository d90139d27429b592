/* May hrfs-job see here what jobs open, and what would let it? One thread. */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>

struct job_probe {
	bool marks;	 /* by a mark on the job's own copy of the mount */
	struct buf why;	 /* it does not: one line */
	struct buf mend; /* … and what there is to do; one line */
};

#define AUTO_JOB_PROBE AUTO_DONE(job_probe) struct job_probe

/* Asks hrfs-job itself, which takes some milliseconds. */
void job_probe(struct job_probe *out);
void job_probe_done(struct job_probe *p);
