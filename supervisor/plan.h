/*
 * Which services are stale, and which of their jobs. States, not events: for each service it is kept in which state
 * each changed path was when the last attempt (build and start) began, and when the last good one did; for its build and
 * for what it runs, since those began last. A path that came back to that state drops out again. What a job has read
 * decides whether a change concerns it (readset.h); as long as that is not known, everything that is not ignored
 * does. Pure; the supervisor's thread only.
 */
#pragma once
#include "core/base/map.h"
#include "core/change.h"
#include "core/config.h"
#include "supervisor/readset.h"

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
	PLAN_LIVE_STATE,  /* a server's log or database: it holds it open for writing, or git ignores it */
	PLAN_IGNORED,	  /* by git */
	PLAN_NOT_WATCHED, /* watch: does not match */
	PLAN_IGNORE_KEY,  /* ignore: matches */
	PLAN_NOT_READ,	  /* none of the service's jobs has read it */
	PLAN_NOT_YET,	  /* the same so far, but one of them still begins: judged again when it has */
	PLAN_REASONS
};

enum plan_stage { PLAN_BUILD, PLAN_RUN, PLAN_CHECK, PLAN_STAGES };

/* what is known of what one of the service's jobs has read, in all of its runs */
struct plan_reads {
	struct readset set;
	bool known;  /* a good run has been seen whole: what is not in the set it has not read */
	bool missed; /* a build has not: what it has made of that a later one need not read again, until one from scratch */
	int64_t token; /* the mount's, of the names that it need not tell again: they are all in the set. 0: none */
	bool open;   /* a run is under way of which not all is known yet */
};

struct plan_paths {
	struct map states; /* path -> struct plan_path *, owned: what it was */
	bool all;	   /* too many to keep: everything counts as changed */
};

struct plan {
	const struct config_service *service; /* borrowed; plan_configure replaces it */
	struct plan_reads reads[PLAN_STAGES];
	struct plan_paths since_try, since_good;
	struct plan_paths since[PLAN_STAGES]; /* that job began; what its service's build has written too */
	tick_t begun[PLAN_STAGES];	      /* the mount's, when that job had read nothing yet; 0: not known */
	struct map later;		      /* path -> struct change *, owned: to be judged again */
	bool later_all;			      /* too many of those */
};

void plan_init(struct plan *p, const struct config_service *service);
void plan_configure(struct plan *p, const struct config_service *service);
void plan_done(struct plan *p);

/* does this change count for the service? without effect */
enum plan_reason plan_judge(const struct plan *p, const struct change *c);
/* for one of its jobs alone; *how (may be NULL): bits of enum read_how that say so, 0: it counts whoever reads it */
enum plan_reason plan_judge_stage(const struct plan *p, enum plan_stage stage, const struct change *c, unsigned *how);
/* takes one settled change in; answers as plan_judge. *moved: what plan_is_stale looks at has changed */
enum plan_reason plan_take(struct plan *p, const struct change *c, bool *moved);
/* what is not in the tree counts, whoever reads it: for the build, or without one for what runs */
void plan_take_outside(struct plan *p, const struct change *c);
/* a batch that was cut short, or a fresh instance: nothing is known any more, nor what a tick means */
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

/* ---- one job ---- */

/* it begins now */
void plan_stage_begin(struct plan *p, enum plan_stage stage);
/*
 * It has read nothing before this tick of the mount's journal: what was over by then it has found as it had become,
 * however late that is told. Until the next plan_stage_begin() or plan_take_all()
 */
void plan_stage_begun(struct plan *p, enum plan_stage stage, tick_t tick);
/* something that concerns it is in another state than when it began; where it is not known what it reads: also false */
bool plan_stage_is_stale(const struct plan *p, enum plan_stage stage);
/* the path is as it was, as far as what it holds matters */
void plan_stage_drop(struct plan *p, enum plan_stage stage, const char *path);
/*
 * All that this run has read by now is in reads[stage].set. whole: nothing is missing; good: and it came to a good end.
 * Changes that nobody was known to have read are judged again: each() is called for those that count, which have been
 * taken in. true: there were some, or too many to say
 */
bool plan_stage_known(struct plan *p, enum plan_stage stage, bool whole, bool good,
		      void (*each)(const struct change *c, void *arg), void *arg);
/* what runs has taken the changes in by itself */
void plan_stage_taken_in(struct plan *p, enum plan_stage stage);
/* some changes wait until it is known whether a job that has just begun reads them */
bool plan_has_later(const struct plan *p);
/* what it has read so far does not count any more: it begins from scratch */
void plan_stage_forget(struct plan *p, enum plan_stage stage);
/* as "build", "run", "check" */
const char *plan_stage_name(enum plan_stage stage);

/* for people: "ignored by git", "written by its own job", … */
const char *plan_reason_text(enum plan_reason reason);
