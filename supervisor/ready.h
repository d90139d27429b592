/*
 * When does a job serve? One watch for each start, on the loop's thread; the callback comes from the
 * loop, once, unless ready_free() came first.
 *
 *   ready_new() before the program is started, its environment into the program's, ready_begin()
 *   when it has started, ready_free() in any case (also from the callback).
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/loop.h"
#include "core/base/strv.h"
#include "core/config.h"
#include <stdint.h>
#include <sys/types.h>

struct output_stream;
struct ready;
struct sockets;

struct ready_options {
	const struct config_ready *how;
	int64_t timeout_ms;		 /* for the kinds that must succeed */
	int port;			 /* of `port:`; 0: none */
	const struct sockets *sockets;	 /* held ones; NULL: none */
	struct output_stream *output;	 /* where LOG looks, at what comes from ready_begin() on */
	/*
	 * status 0: ready, text says how ("listening on 127.0.0.1:8080", "alive for 1 s, listens nowhere");
	 * else -ETIMEDOUT or -errno, text says what was waited for and seen last. text ends with the call.
	 */
	void (*done)(struct ready *r, int status, const char *text, void *arg);
	/* a STATUS= line of a job that notifies; may be NULL */
	void (*status)(struct ready *r, const char *text, void *arg);
	void *arg;
};

/* everything is copied but how, sockets and output, which outlive it. 0; -errno, error has one line */
int ready_new(uv_loop_t *loop, const struct ready_options *options, struct ready **out,
	      struct buf *error);
/* adds NOTIFY_SOCKET=… where the job is to notify, or its removal. 0 or -ENOMEM */
int ready_environment(const struct ready *r, struct strv *env);
/* job: process_job_pid(), whose descendants are the job's processes */
void ready_begin(struct ready *r, pid_t job);
void ready_free(struct ready *r);
