/*
 * When does a job serve? One watch for each start, on the loop's thread; the callback comes from the
 * loop, once, unless ready_free() came first. A job that notifies (NOTIFY) may keep its watch: after a
 * time-out it may still come to be ready, and be told of once more; after that its STATUS= and its
 * reloads are.
 *
 *   ready_new() before the program is started, its environment into the program's, ready_begin()
 *   when it has started, ready_free() in any case (also from the callback).
 *
 * A held socket answers a connect before any program accepts from it, and the generation before still
 * accepts too. So for those a connect proves nothing: what counts is a process of this job that waits
 * on the socket (accept, poll, epoll), as /proc tells; an http answer counts when the connection was
 * accepted by a process of this job, or, after it was taken by others many times, when this job is
 * waiting as well (the text says so).
 * Without `ready:`, where a process of the job holds a held socket, it is waited for until it
 * accepts; where none does, a listening socket of its own counts, or being alive and quiet (ready_quiet.h).
 * With `ready: exit` it never is: its end counts, which others see.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/loop.h"
#include "core/base/strv.h"
#include "core/config.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct output_stream;
struct ready;
struct sockets;

struct ready_options {
	const struct config_ready *how;
	int64_t timeout_ms;	       /* for the kinds that must succeed; without `ready:` being alive counts then */
	int64_t quiet_ms;	       /* without `ready:`; at least 1 s */
	int port;		       /* of `port:`; 0: none */
	const struct sockets *sockets; /* held ones; NULL: none */
	struct output_stream *output;  /* where LOG looks, at what comes from now on; NULL: not captured */
	/*
	 * status 0: ready, text says how ("listening on 127.0.0.1:8080", "alive for 1 s, listens nowhere");
	 * else -ETIMEDOUT or -errno, text says what was waited for and seen last. text ends with the call.
	 */
	void (*done)(struct ready *r, int status, const char *text, void *arg);
	/* a STATUS= line of a job that notifies, also after done(); may be NULL */
	void (*status)(struct ready *r, const char *text, void *arg);
	/* a job that notifies takes in new code (RELOADING=1), and serves again (READY=1, over); may be NULL */
	void (*reloading)(struct ready *r, bool over, void *arg);
	void *arg;
};

/* everything is copied but how, sockets and output, which outlive it. 0; -errno, error has one line */
int ready_new(uv_loop_t *loop, const struct ready_options *options, struct ready **out, struct buf *error);
/* adds NOTIFY_SOCKET=… where the job is to notify, or its removal. 0 or -ENOMEM */
int ready_environment(const struct ready *r, struct strv *env);
/* job: process_job_pid(), whose descendants are the job's processes */
void ready_begin(struct ready *r, pid_t job);
void ready_free(struct ready *r);
/* the end of "ready when …". 0 or -ENOMEM */
int ready_when(const struct ready *r, struct buf *out);
