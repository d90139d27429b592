/*
 * What a job opens: the reading end of the mark that hrfs-job has made on the job's own copy of the mount. On the
 * loop's thread; callbacks come from the loop, some milliseconds late, or from inside witness_drain().
 */
#pragma once
#include "core/base/loop.h"
#include <stdbool.h>
#include <sys/types.h>

struct witness;

struct witness_events {
	/* path: in the tree, "" its root; how: READ_CONTENT, READ_EXECUTED or READ_LISTED; pid: of who did */
	void (*opened)(const char *path, unsigned how, pid_t pid, void *arg);
	/* some of it is lost: the kernel's queue was full, or a file could not be told */
	void (*lost)(void *arg);
};

/* group: the fanotify group, taken over in any case; mountpoint is copied. 0 or -errno */
int witness_new(uv_loop_t *loop, int group, const char *mountpoint, const struct witness_events *events, void *arg,
		struct witness **out);
/* everything that was opened before this call has been told when it returns */
void witness_drain(struct witness *w);
void witness_free(struct witness *w);
