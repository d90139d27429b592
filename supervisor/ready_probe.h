/*
 * One try to reach a server: a connection, and over it one request of HTTP. On the loop's thread;
 * the callback comes from the loop, once, unless probe_free() came first.
 */
#pragma once
#include "core/base/loop.h"
#include <sys/socket.h>
#include <sys/types.h>

struct probe;

#define PROBE_CONNECTED 1 /* without a path: somebody listens */
#define PROBE_OTHER 2	  /* a process that is not the job's has taken the connection; its answer does not count */

struct probe_options {
	struct sockaddr_storage address;
	socklen_t len;
	const char *path; /* NULL: only connect; outlives the probe */
	pid_t job;	  /* only an answer by one of its processes counts; 0: anybody's */
	/* the status of the answer (100 to 999), one of the above, or -errno; free the probe here or later */
	void (*done)(struct probe *p, int result, void *arg);
	void *arg;
};

/* 0 or -errno */
int probe_new(uv_loop_t *loop, const struct probe_options *options, struct probe **out);
void probe_free(struct probe *p);

/* of what has come so far: the status, 0: not enough yet, -EPROTO: that is no HTTP. Pure */
int probe_parse_status(const char *data, size_t len);
