/*
 * The supervisor's end of the mount's socket: takes the settled batches, answers the commands that it has claimed, and
 * asks. Notices when the mount goes away. On the loop's thread; callbacks come from the loop, never from inside a call.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/loop.h"
#include "core/change.h"
#include "core/json.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct link;

struct link_options {
	const char *socket, *mountpoint; /* absolute; outlive the link */
	bool observer; /* beside whoever answers the commands: claims none */
	/* from now on changes come */
	void (*ready)(void *arg);
	/* valid during the call */
	void (*batch)(const struct batch *b, int64_t settle_ms, void *arg);
	/* the journal is another one, or does not reach back: everything may have changed */
	void (*fresh)(void *arg);
	/* what a job has opened that was named here (hrfs-opened). NULL: nobody wants to know */
	void (*opened)(const json_t *told, void *arg);
	/* somebody asks; command: as received, valid during the call */
	void (*request)(int64_t id, const json_t *command, void *arg);
	void (*cancelled)(int64_t id, void *arg);
	/* the mount's worker is about to be another one: those who have asked know that, and ask again. NULL: nobody asks */
	void (*cut)(void *arg);
	/* once: the mount is gone or cannot be used. why: one line, ends with the call */
	void (*gone)(const char *why, void *arg);
	void *arg;
};

/* connects, claims the commands, subscribes; then ready() or gone(). 0 or -errno, error has one line */
int link_new(uv_loop_t *loop, const struct link_options *options, struct link **out, struct buf *error);
void link_free(struct link *l);

/* answer: valid during the call; NULL: there will be none */
typedef void (*link_answer)(const json_t *answer, void *arg);
/*
 * request is taken over in any case; its second word is put in (the root). answered comes exactly once
 * when 0 was answered, also (with NULL) from link_free. 0, -ENOTCONN, -ENOMEM: it never comes
 */
int link_call(struct link *l, json_t *request, link_answer answered, void *arg);
/* the same for hrfs-settle, answered once batch() was called for all of it. clock: NULL for now */
int link_settle(struct link *l, const char *clock, int64_t timeout_ms, link_answer answered, void *arg);
/* object is taken over. The last answer to a request, or one of several (more) */
void link_reply(struct link *l, int64_t id, json_t *object, bool more);
/* the process that holds the mount; 0: not known yet */
pid_t link_keeper(const struct link *l);
