/*
 * Which services are stale. States, not events: for each service it is kept in which state each
 * changed path was when the last attempt (build and start) began, and when the last good one did. A
 * path that came back to that state drops out again. Pure; the supervisor's thread only.
 */
#pragma once
#include "core/base/map.h"
#include "core/change.h"
#include "core/config.h"

#define PLAN_MAX_PATHS 100000

enum plan_reason { /* why a change counts for a service, or why it does not */
	PLAN_COUNTS,
	PLAN_SAME_CONTENT, /* the three as in enum change_reason */
	PLAN_ONLY_TIMES,
	PLAN_REVERTED,
	PLAN_GIT_DIR,
	PLAN_EDITOR_FILE, /* a name that editors make for a moment */
	PLAN_DIRECTORY,	  /* only a directory as such; what is in it counts by itself */
	PLAN_CONFIG,	  /* hrfs.yaml: what it says is compared, not its text */
	PLAN_OWN_OUTPUT,  /* one of the service's own jobs wrote it last */
	PLAN_PRINTED,	  /* what hrfs itself prints goes there */
	PLAN_LIVE_STATE,  /* a server's log or database: it holds it open for writing */
	PLAN_IGNORED,	  /* by git */
	PLAN_NOT_WATCHED, /* watch: does not match */
	PLAN_IGNORE_KEY,  /* ignore: matches */
	PLAN_REASONS
};

struct plan_paths {
	struct map states; /* path -> struct state *, owned: what it was */
	bool all;	   /* too many to keep: everything counts as changed */
};

struct plan {
	const struct config_service *service; /* borrowed; plan_configure replaces it */
	struct plan_paths since_try, since_good;
};

void plan_init(struct plan *p, const struct config_service *service);
void plan_configure(struct plan *p, const struct config_service *service);
void plan_done(struct plan *p);

/* does this change count for the service? without effect */
enum plan_reason plan_judge(const struct plan *p, const struct change *c);
/* takes one settled change in; answers as plan_judge. *moved: what plan_is_stale looks at has changed */
enum plan_reason plan_take(struct plan *p, const struct change *c, bool *moved);
/* a batch that was cut short, or a fresh instance: nothing is known any more */
void plan_take_all(struct plan *p);

/* something is in another state than when the last attempt began */
bool plan_is_stale(const struct plan *p);
/* everything is in the state that the last good attempt began with */
bool plan_is_as_good(const struct plan *p);
/* an attempt begins now: it will see what is there now */
void plan_begin(struct plan *p);
/* the attempt that plan_begin began last is good */
void plan_good(struct plan *p);

/* what is good is not known: the attempt that was is not the one that plan_begin began last */
void plan_forget_good(struct plan *p);

/* for people: "ignored by git", "written by its own job", … */
const char *plan_reason_text(enum plan_reason reason);
