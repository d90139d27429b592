/*
 * What the engine's files share: the services as they run. Inside of engine*.c only; others read a service through
 * engine_view.h.
 */
#pragma once
#include "core/outside.h"
#include "supervisor/engine.h"
#include "supervisor/expect.h"
#include "supervisor/output.h"
#include "supervisor/pace.h"
#include "supervisor/plan.h"
#include "supervisor/process.h"
#include "supervisor/reads.h"
#include "supervisor/ready.h"
#include "supervisor/service.h"
#include "supervisor/settings.h"
#include "supervisor/sockets.h"
#include "supervisor/timeline.h"

#define ENGINE_TEXT_MAX (64 * 1024) /* of a failed command's output, in answers */
#define FIRST_START "first start"

struct job;
struct outside_watch;

/* sockets that several generations stand on */
struct held {
	int refs;
	struct sockets *sockets;
	bool taken; /* a generation has served on them: the program knows of LISTEN_FDS */
};

enum place {
	PLACE_CURRENT,
	PLACE_NEWCOMER,
	PLACE_LEAVING, /* asked to end, nothing depends on it any more */
};

/* one start of a run command */
struct generation {
	struct service *service;
	struct generation *next; /* among the leaving ones */
	struct settings *settings;
	const struct config_service *config; /* of settings */
	struct held *held;		     /* NULL: none */
	enum place place;
	unsigned number;
	struct job *job;
	struct ready *ready;	 /* NULL: not waiting any more, nor notified */
	char *ready_by;		 /* "listening on …" */
	char *could_not;	 /* why it could not be executed */
	uint64_t output_mark;	 /* its output comes after */
	int64_t code_ms;	 /* wall clock: the code that it runs is of then */
	int64_t start_ms, up_ms; /* monotonic; up_ms 0: was never ready */
	int64_t up_wall_ms;
	struct process_status status;
	bool asked;
	bool only_alive; /* ready because it lived, it has never listened */
	bool in_terminal;
	bool accepts; /* leaving: may still accept from the held sockets */
	bool reloads_itself;
	bool reloading; /* it has said that it takes in new code, and not yet that it has */
};

/* wall clock, ms since the epoch */
struct span {
	int64_t begin, end; /* begin 0: not yet; end 0: it is not over */
};

/* the build command and what is known of the one that ran last */
struct build {
	struct job *job; /* NULL: none runs */
	bool cleaning;	 /* it is the clean: command, the build follows */
	bool cancelled;
	bool again;    /* asked for once more while it ran */
	bool dirty;    /* its inputs changed while the last one ran: what it wrote must look older */
	bool settling; /* waits to know all that the last one wrote */
	bool remembering;  /* what the last one has made is being looked at: not to be overwritten yet */
	bool waits_for_it; /* … and the next one waits for that */
	uint64_t output_mark;
	int64_t start_ms;		    /* monotonic */
	struct span span;
	struct process_status status;
	char *could_not;
	struct map outputs; /* what it wrote: path -> itself (any pointer) */
	bool good;	    /* the last one that ended was */
	bool deciding;	    /* … and it is looked at what it has changed */
	bool unchanged;	    /* that is nothing which runs */
};

struct side { /* a command beside: a check, or reload: exec */
	struct job *job;
	bool again;
	uint64_t output_mark;
	int64_t start_ms;
	struct process_status status;
	char *could_not;
	char *result; /* of the last one, for people; NULL: none yet */
	bool ok;
};

struct service {
	struct engine *engine;
	char *name;
	struct settings *settings; /* for what is started next */
	const struct config_service *config;
	enum service_state state;
	struct plan plan;
	struct pace pace;
	struct expect expect;
	struct map echoes;	     /* engine_echo.c: path or writer -> struct echo *, owned */
	unsigned attempts;	     /* to build and start */
	struct span start;	     /* of the last one: until it was ready, or ended */
	char *cause_job, *cause_path; /* engine_cycle.c: for whose work it was built last; NULL: nobody's here */
	unsigned laps;		     /* that this came of its own work, in a row */
	const char *held_back;	     /* something changed, and is not built for; static text: what */
	struct build build;
	struct map prints; /* engine_outputs.c: path -> struct print *, owned */
	bool run_is_newest; /* current is ready, and nothing newer has been tried since */
	enum reads_how witness; /* by which way it is known what its jobs read */
	unsigned reloads;	/* made since the first start */
	unsigned avoided;	/* changes that nobody has read, builds after which nothing was restarted */
	struct strv avoided_for; /* the last paths of those, a few */
	struct side check, exec;
	struct generation *current, *newcomer, *leaving;
	struct held *held;	    /* for what is started next; NULL: not opened */
	unsigned generations, jobs; /* jobs: processes of any kind that have not ended */
	uint64_t reload;	    /* number of the timeline's record that is under way; 0: none */
	int64_t wait_ms, stop_ms;   /* monotonic: when it began to wait, was asked to end */
	int64_t try_wall_ms;	    /* the code that was tried last is of then */
	uv_timer_t *timer;	    /* back-off, a signal's reload, sockets of the leaving */
	uv_timer_t *drain_timer;
	uv_timer_t *keep_timer;
	int64_t keep_ms;   /* until what is known is kept */
	bool unkept;	   /* more is known than is kept */
	bool keeping;	   /* it is being written */
	bool looking;	   /* what was kept is being looked at, before the first start */
	unsigned begun;	   /* runs of its jobs */
	unsigned drain_polls;
	char *trouble;		   /* what is wrong, one line; NULL: nothing */
	char *trouble_text;	   /* the compiler's text */
	char *end_text;		   /* how the last generation ended: "exited with status 1" */
	int64_t up_ms, backoff_ms; /* how long the last generation was ready; until it is started again */
	int code;		   /* as a shell would report the last end or failed build; -1: none yet */
	bool forced;		   /* a new generation whatever reload: says */
	bool full;		   /* from scratch */
	bool removed;		   /* not in the configuration any more */
	bool restart;		   /* once it has ended */
	bool ran_at_stop;	   /* something of it ran when hrfs was asked to end */
	bool told_itself;	   /* the notice about reloading itself has been given */
};

struct posted {
	struct service *service;
	enum service_event event;
};

struct engine {
	struct engine_options o;
	struct service **services;
	size_t count;
	struct strv only;
	struct posted *queue;
	size_t queued, queue_size;
	unsigned holds; /* events wait until all are released */
	bool carrying_out, paused, stopping;
	bool witness_said; /* by which way it is known what jobs read */
	bool keep_failed;  /* … and said */
	struct outside outside;
	struct outside_watch *outside_watch; /* NULL: nothing is */
	bool head_known; /* some service wants to know it */
	char *head;	 /* the commit that HEAD names; NULL: there is none */
	struct head_watch *head_watch; /* NULL: nothing of git lies outside */
	int stop_sig;
	struct job *jobs; /* all that run, for engine_link_ready */
	uint64_t works;	  /* commands that have ended: what they wrote may concern others */
};

/* ---- engine.c ---- */

int64_t engine_now_ms(void);  /* monotonic */
int64_t engine_wall_ms(void); /* since the epoch */
/* an event; carried out at once, or after what is being carried out */
void engine_post(struct service *s, enum service_event event);
/* between the two events are only collected, so that what depends on each other is seen together */
void engine_hold(struct engine *e);
void engine_release(struct engine *e);
/* a job of the service has ended */
void engine_job_gone(struct service *s);
bool service_is_settled(const struct service *s);

/* ---- engine_life.c ---- */

struct service *service_new(struct engine *e, struct settings *settings, const struct config_service *config);
void service_free(struct service *s);
/* takes other settings; what runs keeps its own */
void service_configure(struct service *s, struct settings *settings, const struct config_service *config);
struct held *held_ref(struct held *h);
void held_unref(struct held *h);

/* ---- engine_job.c: a process that the mount knows as a job ---- */

struct job_events {
	void (*started)(struct job *j, void *arg); /* may be NULL */
	void (*failed)(struct job *j, const char *text, void *arg);
	void (*exited)(struct job *j, struct process_status status, void *arg);
	/* j is gone afterwards; all that it has read is known by then */
	void (*ended)(struct job *j, void *arg);
	/* after job_close_window(): what it has read so far is known; may be NULL, as the next two */
	void (*known)(struct job *j, void *arg);
	/* after that: one thing more */
	void (*read)(struct job *j, const char *path, unsigned how, void *arg);
	/* after that: something that it reads may not be told any more */
	void (*lost)(struct job *j, void *arg);
};

/* stage: "build", "run"… events and arg of options are its own. 0; -errno with error */
int job_start(struct service *s, const char *stage, struct process_options *options, const struct job_events *events,
	      void *arg, struct job **out, struct buf *error);
/* NULL: nothing of it is left, and `ended` is to come, once all that it has read is known */
struct process *job_process(struct job *j);
/* NULL: options had no witness, or no memory */
struct reads *job_reads(struct job *j);
/* it has begun, by what it said or did: what it reads from now on is told as it comes */
void job_close_window(struct job *j);
void job_stop(struct job *j, int sig, int64_t grace_ms);
void job_kill(struct job *j);
/* tells the mount about it, again */
void job_announce(struct job *j);
struct job *job_next(struct job *j);
/* the environment that all commands of a service get. 0 or -ENOMEM */
int job_environment(struct service *s, struct strv *env);
/* where a service's commands run. 0 or -ENOMEM */
int job_cwd(struct service *s, struct buf *out);
/* exit code as a shell would say it */
int job_code(struct process_status status);

/* ---- engine_build.c ---- */

void build_begin(struct service *s);
/* a change while it runs */
void build_later(struct service *s);
void build_stop(struct service *s);
/* a batch came; true: while it was being built or started */
bool build_take(struct service *s, const struct batch *b, int64_t settle_ms);
void build_forget(struct service *s);
/* was it being built or started in that time? wall clock */
bool build_or_start_overlaps(const struct service *s, int64_t from_ms, int64_t to_ms);

/* a change that counts after all came while it ran */
void build_dirty(struct service *s);

/* ---- engine_reads.c: what its jobs have read ---- */

/* the mountpoint for process_options.witness, or NULL */
const char *reads_witness(const struct service *s);
/* this stage begins */
void reads_begin(struct service *s, enum plan_stage stage);
/* what a run of it has read up to now; j may be NULL. good: it came to a good end, or is ready */
void reads_known(struct service *s, enum plan_stage stage, struct job *j, bool good);
/* the mount's clock when a job of this stage ("build") had read nothing yet; NULL: it told none */
void reads_begun(struct service *s, const char *stage, const char *clock);
/* of the names that the mount need not tell again when this stage ("build") starts; 0: all are wanted */
int64_t reads_known_token(const struct service *s, const char *stage);
/* one thing more, of what runs */
void reads_one_more(struct service *s, const char *path, unsigned how);
/* not everything is told any more */
void reads_lost(struct service *s);
/* what its jobs have written, of a batch */
void reads_take_written(struct service *s, const struct batch *b);
/* is the build up to date, so that what runs can be started anew without it? */
bool reads_build_is_good(const struct service *s);
/* does what is current run exactly what a new one would? */
bool reads_run_is_good(const struct service *s);
/* might it, but for what the build has written? */
bool reads_run_might_be_good(const struct service *s);
/* says once, when it is known, by which way it is known what jobs read, and what would better it */
void reads_say_how(struct engine *e, const struct reads *r);

const struct config_command *reads_command(const struct service *s, enum plan_stage stage);

/* ---- engine_kept.c: kept from one run of hrfs to the next ---- */

/* true: EVENT_START comes once what was kept has been read */
bool kept_load(struct service *s);
/* a run of one of its jobs is known */
void kept_known(struct service *s);
/* something more is */
void kept_one_more(struct service *s);
/* before the end: what is not kept yet */
void kept_stop(struct service *s);

/* ---- engine_outside.c ---- */

void engine_outside_done(struct engine *e);
/*
 * A change of what is not in the tree, which this service is built from; then, once for all of them, outside_react().
 * writer_known: it is none of its own jobs
 */
void outside_take(struct service *s, const struct change *c, bool writer_known);
void outside_react(struct engine *e);

/* ---- engine_git.c ---- */

void engine_head_done(struct engine *e);

/* ---- engine_outputs.c: is what a build has made what it was? ---- */

/* what runs has been read by now: what it looks like, to be compared after the next build */
void outputs_remember(struct service *s);
/* drops from what has changed for what runs the build's outputs that are as remembered; then done(), or at once */
void outputs_compare(struct service *s, void (*done)(struct service *s));
void outputs_done(struct service *s);

/* ---- engine_echo.c ---- */

/* true: nothing is to be built for this batch. during: as build_take answered */
bool echo_take(struct service *s, const struct batch *batch, bool during);
/* the same for one change that counts */
bool echo_take_one(struct service *s, const struct change *c, bool during);
void echo_done(struct service *s);

/* ---- engine_cycle.c ---- */

/* true: nothing is to be built for this batch, which counts */
bool cycle_take(struct service *s, const struct batch *batch);
void cycle_done(struct service *s);

/* ---- engine_run.c ---- */

void run_spawn(struct service *s, enum place place);
void run_promote(struct service *s);
void run_inherit(struct service *s);
void run_stop(struct generation *g);

/* ---- engine_leave.c ---- */

void run_leave(struct service *s, struct generation *g); /* ask it to end, nobody waits for it */
void run_left(struct service *s, struct generation *g);	 /* it has ended */
bool run_is_draining(const struct service *s);		 /* a leaving one may still accept */

/* ---- engine_side.c ---- */

void check_begin(struct service *s);
/* unless all that it has read is as it was */
void check_if_stale(struct service *s);
void exec_begin(struct service *s);
/* the current one has taken in new code, as it was asked to by a signal */
void signal_reloaded(struct service *s);
void side_stop(struct service *s);
void side_done(struct side *side);

/* ---- engine_self.c ---- */

/* is it a server that reloads itself? remembered, and said once */
bool self_reloads(struct service *s);

/* ---- engine_say.c: records, lines, the state in words ---- */

struct reload *say_record(struct service *s); /* under way, begun when there was none; NULL: no memory */
void say_stage(struct service *s, enum reload_stage stage, int64_t ms);
void say_trouble(struct service *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* the compiler's or the program's own text beside it; NULL: none */
void say_trouble_text(struct service *s, char *text);
void say_no_trouble(struct service *s);
/* the record's end: word is "ready", "failed", "finished", "kept"; format: what follows the stages, or NULL */
void say_end(struct service *s, bool ok, const char *word, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* "building: CAUSES" */
void say_begin(struct service *s);
/* why the record that is under way, or begins now, was begun, when it was no change of a path */
void say_record_reason(struct service *s, const char *reason);
/* any other line: "hrfs: NAME: …" */
void say_note(struct service *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "14:02", of today; a date before it when it is of another day */
void say_clock(int64_t wall_ms, struct buf *out);
/* what became of a step of the table */
void say_outcome(struct service *s, enum service_state was, enum service_event event);
/* the text of a generation that ended, in s->trouble */
void say_run_ended(struct service *s, struct generation *g);
