/*
 * What was decided, and why: a ring of reloads with how long each stage took, and a ring of what
 * became of each changed path. Nothing but memory; the loop's thread only.
 */
#pragma once
#include "core/base/buf.h"
#include "core/change.h"
#include "supervisor/plan.h"
#include <stdbool.h>
#include <stdint.h>

#define TIMELINE_RELOADS 200
#define TIMELINE_PATHS 4000
#define RELOAD_CAUSES 20 /* named for each reload; further ones are counted */

enum reload_stage { STAGE_SETTLE, STAGE_WAIT, STAGE_BUILD, STAGE_STOP, STAGE_START, STAGE_RUN, RELOAD_STAGES };

struct reload_cause {
	char *path;
	struct state before, after;
	struct writer writer;
	tick_t tick;
};

struct reload {
	uint64_t number;    /* from 1 */
	char *service;
	unsigned generation; /* of which it became, 0: none */
	int64_t time_ms;    /* since the epoch, when it was decided */
	struct reload_cause causes[RELOAD_CAUSES];
	size_t cause_count; /* all; only the first RELOAD_CAUSES are kept */
	const char *decision; /* "start", "restart", "overlap", "signal", "exec", "build", "none"; static */
	char *reason;	    /* for people, one line */
	char *result;	    /* for people, one line; NULL while it is under way */
	int64_t ms[RELOAD_STAGES]; /* -1: there was no such stage */
	bool ok;
};

/* what became of one path for one service */
struct path_verdict {
	char *path, *service;
	char command[WRITER_COMMAND_SIZE];
	int64_t time_ms;
	enum plan_reason reason;
};

struct timeline {
	struct reload *reloads[TIMELINE_RELOADS];
	struct path_verdict paths[TIMELINE_PATHS];
	uint64_t reload_count, path_count; /* all there ever were */
};

struct timeline *timeline_new(void);
void timeline_free(struct timeline *t);

/* the timeline's, valid until 200 later ones; NULL: no memory */
struct reload *timeline_begin(struct timeline *t, const char *service);
void reload_add_cause(struct reload *r, const struct change *c);
/* text is copied; a failure to do so leaves the old one */
void reload_set_reason(struct reload *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reload_finish(struct reload *r, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *reload_stage_name(enum reload_stage stage);
/* number n (from 1), NULL: none such or forgotten */
const struct reload *timeline_find(const struct timeline *t, uint64_t number);
/* the same, to go on with it while it is under way */
struct reload *timeline_open(struct timeline *t, uint64_t number);
/* the newest of a service (NULL: of any) that is younger than `before` (0: no limit), or NULL */
const struct reload *timeline_newest(const struct timeline *t, const char *service, uint64_t before);

void timeline_judged(struct timeline *t, const char *service, const struct change *c, enum plan_reason reason);
/* the newest verdict of each service on the path, newest first; stops when each() answers false */
void timeline_each_verdict(const struct timeline *t, const char *path,
			   bool (*each)(const struct path_verdict *v, void *arg), void *arg);

/* a path or a command's name as a line shows it: what could move a cursor is '?' */
int timeline_put_name(struct buf *out, const char *name);
/* "main.go, util.go and 3 more (vim)"; what is no printable UTF-8 is shown as '?' */
int reload_causes_text(const struct reload *r, struct buf *out);
/* the one line: "main.go (vim) -> settle 3 ms, build 310 ms, start 22 ms" */
int reload_line(const struct reload *r, struct buf *out);
