/*
 * The socket of a mount: Watchman's protocol with commands of our own (docs/architecture.md). A loop
 * of its own in a thread of its own; slow answers are made on libuv's thread pool.
 */
#pragma once
#include "core/change.h"
#include "core/journal.h"
#include <sys/types.h>

struct server_options {
	int listener;		 /* server_listen()'s, taken over; it may have been a dead worker's too */
	const char *socket_path; /* where it is bound; the keeper removes it */
	const char *mountpoint;	 /* absolute; the root of every answer */
	const char *source;	 /* absolute path of the lower, as the user named it */
	int root_fd;		 /* O_PATH of the lower's root, borrowed */
	uid_t owner;
	bool allow_other;
	int64_t start_time; /* Unix seconds; with keeper_pid the identity of the journal in clocks */
	pid_t keeper_pid;
	int32_t *supervisor_pid; /* who is registered; of the worker before, when that has died. 0: nobody */
	struct journal *journal;
	void (*status)(void *json_object); /* adds what the mount knows of itself to hrfs-status (a json_t *) */
	void (*detach)(void);		   /* hrfs-detach: the keeper is to unmount lazily */
	/* hrfs-upgrade: NULL and an id that the status tells of, or why not; then, when that has been answered, it begins */
	const char *(*plan_upgrade)(const char *worker, const char *git, uint64_t *id);
	void (*begin_upgrade)(const char *worker, const char *git);
};

/*
 * The mount's socket, bound and listening, made 0600 (0666 when others may ask) in place of what a dead mount
 * has left there. Held by the keeper, so that clients wait for a successor instead of being refused. Or -errno
 */
int server_listen(const char *path, bool for_others);
int server_start(const struct server_options *o);
void server_stop(void);
/* Hands a settled batch to the loop (copied). Called by the settling thread. */
void server_batch(const struct batch *batch);

/*
 * Unsettled notices, for subscriptions with hrfs-raw. server_touched() is called when a system call
 * that touched `path` (relative to the root) has returned, and only while server_wants_raw(), which is
 * one relaxed load. Any thread; never blocks: beyond a bound notices are dropped and counted.
 */
bool server_wants_raw(void);
void server_touched(const char *path);
