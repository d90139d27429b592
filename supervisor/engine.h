/*
 * Carries out what the state table decides: builds, starts, swaps and ends the services of one
 * configuration, and turns what happens to their processes, to the tree and on request into the table's
 * events. On the loop's thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/loop.h"
#include "core/base/strv.h"
#include "core/change.h"
#include "core/json.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct engine;
struct link;
struct output;
struct processes;
struct service;
struct settings;
struct terminal;
struct timeline;

/* everything outlives the engine */
struct engine_options {
	uv_loop_t *loop;
	struct processes *processes;
	struct output *output;
	struct terminal *terminal; /* NULL: none */
	struct link *link;
	struct timeline *timeline;
	const char *mountpoint;	 /* absolute */
	const char *source;	 /* of the tree; absolute. What its jobs read is kept for it. NULL: nowhere */
	const char *default_cwd; /* of services without cwd:, relative to the mountpoint; NULL: itself */
	dev_t device;		 /* of the mount */
	bool lend_terminal;	 /* a single service has the terminal itself */
	bool ptys;		 /* jobs get pseudo-terminals, else pipes */
	bool notes_to_rings;	 /* hrfs's own lines too: there is no terminal */
	bool markers;		 /* a line at the begin of each build */
	bool witness;		 /* what jobs read decides what concerns them */
	/* something has changed that somebody may wait for; from the loop or inside a call */
	void (*moved)(void *arg);
	void *arg;
};

int engine_new(const struct engine_options *options, struct engine **out);
/* only when engine_is_stopped() */
void engine_free(struct engine *e);

/*
 * These settings are in force from now on: services that are new start, those that are gone end, those whose effective
 * settings differ are built and started anew. only: names (NULL or empty: all), with what they are
 * after. 0; -ENOENT (error: no service of that name); -ENOMEM
 */
int engine_configure(struct engine *e, struct settings *settings, const struct strv *only, struct buf *error);

/* what has settled; settle_ms: how long that took */
void engine_take(struct engine *e, const struct batch *b, int64_t settle_ms);
/* everything may have changed */
void engine_take_all(struct engine *e);
/* what one of its jobs has opened, as the mount tells it: before the batches of what was changed after */
void engine_take_opened(struct engine *e, const json_t *told);
/* the mount's worker is another one */
void engine_cut(struct engine *e);
/* looks for what is built into the tree and lies outside of it, and watches that; after: where a batch may have changed it */
void engine_look_outside(struct engine *e);
void engine_look_outside_after(struct engine *e, const struct batch *b);
/* with a service that depends on it: which commit does git's HEAD name by now? The second one: where this batch may have to do with it */
void engine_look_head(struct engine *e);
void engine_look_head_after(struct engine *e, const struct batch *b);
/* the mount's socket is there (again): tells it the jobs that run */
void engine_link_ready(struct engine *e);

/* names: empty for all. full: from scratch (clean:). 0; -ENOENT with error */
int engine_reload(struct engine *e, const struct strv *names, bool full, struct buf *error);
/* changes are kept in mind and nothing is done about them until it is over */
void engine_pause(struct engine *e, bool pause);
bool engine_is_paused(const struct engine *e);

/* ends all services. sig: what asked for it, 0: a request. Again with at_once: kills */
void engine_stop(struct engine *e, int sig, bool at_once);
bool engine_is_stopped(const struct engine *e);
/* as a shell would report it, once stopped */
int engine_exit_status(const struct engine *e);

/*
 * How many commands have ended by themselves so far. What they wrote last may not have settled yet, and concern others.
 */
uint64_t engine_works(const struct engine *e);
/* nothing is under way: every decision is made and has come to its end */
bool engine_is_settled(const struct engine *e);
size_t engine_count(const struct engine *e);
struct service *engine_at(const struct engine *e, size_t i);
struct service *engine_find(const struct engine *e, const char *name);
