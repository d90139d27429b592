/*
 * What jobs open, where the mount answers OPEN instead of telling the kernel once that it need not ask (-o answer_opens):
 * whoever opens waits for the answer, so that it is known whose thread it is. A path is told once for each way in which it
 * is opened.
 *
 * A job is a process (hrfs-job) and what descends from it; its git processes, which look at everything, are not taken for
 * it. Request threads and the server's loop; a lock of its own that is never held during a system call.
 */
#pragma once
#include "core/base/map.h"
#include "fs/node.h"
#include <stdbool.h>
#include <sys/types.h>

#define OPENS_JOBS_MAX 64
#define OPENS_PATHS_MAX 200000 /* of one job */

enum open_how { /* bits */
	OPEN_CONTENT = 1,
	OPEN_EXECUTED = 2,
	OPEN_LISTED = 4,
};

/* before the reply. Under every name that the file has: which one it was opened by the kernel does not say */
void opens_note(pid_t tid, node_id id, unsigned how);

/* ---- for the server's loop ---- */

/* From now on what the job opens is noted. 0, -EEXIST, -ENOSPC */
int opens_begin(pid_t job);
/* wake (any thread, with the lock) is called when there is something to take; at once, if there is already */
void opens_await(pid_t job, void (*wake)(void));
void opens_end(pid_t job);
/* somebody awaits what there is to take of this job */
bool opens_are_due(pid_t job);

struct opened {
	struct map paths; /* path -> bits as a pointer */
	bool lost;	  /* some of it has not been noted, and will not be */
};

/* What has been opened since it was asked last; the caller calls opened_done. -ENOENT */
int opens_take(pid_t job, struct opened *out);
void opened_done(struct opened *o);
