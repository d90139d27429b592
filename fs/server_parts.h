/*
 * What the files of the server share. Everything here belongs to the loop's thread unless it says
 * otherwise; what runs elsewhere (libuv's pool, a walk's own thread) is handed what it needs and
 * hands back text.
 */
#pragma once
#include "core/base/log.h"
#include "core/base/loop.h"
#include "core/json.h"
#include "core/protocol.h"
#include "core/query.h"
#include "fs/server.h"
#include "fs/sidedoor.h"
#include <stdatomic.h>
#include <sys/queue.h>
#include <sys/socket.h>

/* the version of Watchman's protocol that clients may count on: they compare it */
#define WATCHMAN_VERSION "2024.12.02.00"

#define CONNECTIONS_MAX 512
#define CONNECTIONS_OF_OTHERS_MAX 256 /* however many users they are, the owner and root find room */
#define CONNECTIONS_OF_USER_MAX 64
#define SUBSCRIPTIONS_MAX 256
#define STATES_MAX 64			/* of one connection */
#define PENDING_MAX 64			/* requests of one connection that are not answered yet */
#define UNSENT_MAX (16UL * 1024 * 1024) /* of one connection */

struct connection;
struct subscription;

/* ---- the server (server.c) ---- */

struct waiter;

struct server {
	struct server_options o;
	dev_t device; /* of the mount */
	struct clock clock;
	uv_loop_t loop;
	uv_async_t wake;
	uv_pipe_t listener;
	uv_timer_t timer; /* runs while somebody waits for what nothing announces */
	pthread_t thread;
	bool stopping;
	unsigned running; /* walks and work on the pool that have not come back */
	int64_t started_ms;
	TAILQ_HEAD(, connection) connections;
	TAILQ_HEAD(, subscription) subscriptions;
	TAILQ_HEAD(, waiter) waiters;
	unsigned connection_count, subscription_count;
};

extern struct server server;

tick_t server_tick(void);
/* "c:…" of a tick */
const char *server_clock(tick_t tick, char text[static CLOCK_TEXT_SIZE]);
int64_t server_now_ms(void);
/* an event for the log, and for clients that asked for it by log-level */
void server_say(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Any thread: something has come, or changed, that somebody may wait for. */
void server_look_again(void);
/* Work on the pool that the end of the server waits for. `done` is called on the loop. */
struct work {
	uv_work_t uv;
	void (*run)(struct work *w);
	void (*done)(struct work *w);
};
void server_work(struct work *w);
/* Any thread: calls fn(arg) on the loop. */
struct call {
	STAILQ_ENTRY(call) link;
	void (*fn)(struct call *c);
};
void server_call(struct call *c);

/* ---- the socket (server_socket.c) ---- */

/* listening, non-blocking. A descriptor or -errno */

/* ---- connections and what goes out on them (server_connection.c, server_output.c) ---- */

/* One request's place in the order of answers. */
struct answer {
	TAILQ_ENTRY(answer) link;
	struct connection *connection;
	struct buf text;
	bool inside;   /* what has been given ends inside an object */
	bool complete; /* nothing more will come */
	/* whoever is making it, until it is complete: */
	void (*more)(struct answer *a);	   /* there is room again; may be NULL */
	void (*abandon)(struct answer *a); /* the client is gone, `a` is about to be freed; may be NULL */
	void *maker;
};

struct connection {
	TAILQ_ENTRY(connection) link;
	uv_pipe_t pipe;
	uv_write_t write;
	struct buf sending; /* by `write` */
	struct ucred peer;
	bool trusted; /* the mount's owner, or root */
	struct protocol in;
	bool resuming;	    /* taking requests just now */
	bool asks;	    /* its last question waits until it may be answered; the next ones wait too */
	bool paused, ended; /* not reading for the moment; never again: its end has been seen */
	bool writing;
	bool inside;	 /* what has gone out ends inside an object: nothing else may come between */
	char doomed[96]; /* why it is about to be closed; "" while it lives */
	bool closing;
	unsigned refs; /* freed when the last is gone */
	TAILQ_HEAD(, answer) answers;
	unsigned pending;
	struct buf pushes; /* whole objects that nobody asked for */
	int log_level;	   /* of log-level; -1: off */
	bool job_runs;	   /* one list of files at a time */
	STAILQ_HEAD(, file_job) jobs;
	unsigned states, subscriptions;
};

void connection_accept(uv_stream_t *listener, int status);
/* Soon, not at once, so that whoever calls this has no dead object in hand. */
void connection_close(struct connection *c, const char *why);
void connections_bury(void);
void connection_ref(struct connection *c);
void connection_unref(struct connection *c);
/* closes when all is answered and sent */
void connection_finish(struct connection *c);
/* after their end of file: has the other end gone, or only stopped asking? True: there are such that have to be looked at again */
bool connections_check_ends(void);
void connection_resume(struct connection *c);

struct answer *answer_new(struct connection *c);
/* o is taken over; "version" is added. */
void answer_object(struct answer *a, json_t *o);
void answer_object_more(struct answer *a, json_t *o); /* others follow */
void answer_error(struct answer *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* a piece of an answer's text, taken over; inside: the object goes on */
void answer_text(struct answer *a, struct buf *text, bool inside);
void answer_end(struct answer *a);
/* Without an answer: the request has none. */
void answer_drop(struct answer *a);
/* Whole objects, with their newlines. Closes the connection instead when it doesn't read what it asked for. */
void connection_push(struct connection *c, const char *text, size_t len);
void connection_push_object(struct connection *c, json_t *o); /* taken over */
size_t connection_unsent(const struct connection *c);
void connection_pump(struct connection *c);

/* ---- requests (server_commands.c, server_root.c) ---- */

struct request {
	struct connection *connection;
	struct answer *answer;
	json_t *args; /* as received, from the command's name on; owned */
	const char *name;
	char *root;	  /* the mountpoint, or a path in it; owned */
	const char *path; /* of the root in the mount, "" for the mountpoint; points into root */
	tick_t tick;	  /* everything that had returned before the question has a tick <= this */
	bool told;	  /* also what others have done behind the mount, as far as it is watched */
	/* until then (server_told.c): */
	TAILQ_ENTRY(request) link;
	struct ring_moment moment;
	int64_t deadline_ms;
	void (*go)(struct request *r);
};

typedef void command_fn(struct request *r);
#define COMMAND_ROOT 1	/* its first argument is a root */
#define COMMAND_OPEN 2 /* others than the owner and root may ask; such a one names no file */
#define COMMAND_NOW 4	/* says what is there now: changes behind the mount are told before */

/* takes args over */
void request_take(struct connection *c, json_t *args);
void request_free(struct request *r);
/* One that a supervisor answers, where there is one. */
void request_go_on(struct request *r);
/*
 * r->root of a path as a client names it: calls done(r, 0) at once, or later when links must be followed,
 * or done(r, -ENOENT) when it leads elsewhere.
 */
void root_resolve(struct request *r, const char *path, void (*done)(struct request *r, int result));
/* Calls go(r) when that has come to pass, or has taken too long; now, where nothing is under way. */
void request_when_told(struct request *r, void (*go)(struct request *r));
/* Those who wait; true: some do */
bool requests_check_told(void);
/* the n-th argument after the root; NULL when it isn't there */
json_t *request_option(const struct request *r, size_t n);
/* {"clock":C?} of an object: its tick, or r->tick when there is none or it is foreign. -EINVAL (answered) */
int request_clock(struct request *r, const json_t *options, tick_t *out);
/* "timeout_ms"; -1: none. -EINVAL (answered) */
int request_time_out(struct request *r, const json_t *options, int64_t *out);

/* ---- waiting for ticks to settle (server_wait.c) ---- */

struct waiter {
	TAILQ_ENTRY(waiter) link;
	tick_t tick;
	bool patient;				      /* it settles when it would anyway */
	int64_t deadline_ms;			      /* of server_now_ms(); -1: none */
	struct connection *connection;		      /* whose pushes have to be under way too; may be NULL */
	bool (*ready)(struct waiter *w);	      /* more to wait for; may be NULL */
	void (*done)(struct waiter *w, bool in_time); /* w is off the list and the callee's */
};

void waiter_add(struct waiter *w);
void waiter_remove(struct waiter *w);
void waiters_check(void);
bool server_is_settled(tick_t tick);

/* ---- batches (server_batch.c) ---- */

/* A copy. References are the loop's; what runs elsewhere holds one and reads only. */
struct kept_batch {
	STAILQ_ENTRY(kept_batch) link;
	unsigned refs;
	struct batch batch;
	size_t bytes;
	pthread_mutex_t lock; /* text: made once, by whoever needs it first */
	struct buf text;
};

void batches_init(void);
void batches_done(void);
/* takes what server_batch() has brought into the ring; true when there was something */
bool batches_take(void);
tick_t batches_last(void); /* the end of the newest one that was taken */
/*
 * The batches after a tick, oldest first, at most max, each with a reference. *complete is false when
 * the ring doesn't reach back so far.
 */
size_t batches_after(tick_t tick, struct kept_batch **out, size_t max, bool *complete);
/* the newest tick whose changes were all made before that time; false: too long ago to know */
bool batches_tick_at(int64_t time_ms, tick_t *out);
void batch_ref(struct kept_batch *b);
void batch_unref(struct kept_batch *b);
/* any thread: its JSON, valid as long as the reference; NULL: no memory */
const struct buf *batch_text(struct kept_batch *b);
json_t *state_to_json(const struct state *s);

/* ---- the lower, by root_fd (server_lower.c, server_walk.c); any thread ---- */

/* the directory last used stays open: what is asked for lies together */
struct lower_view {
	char *dir; /* NULL: none */
	int fd;
};

void lower_view_init(struct lower_view *v);
void lower_view_done(struct lower_view *v);
/* lstat of a path below the root. 0 or -errno */
int lower_view_stat(struct lower_view *v, const char *path, struct stat *st);
char *lower_view_target(struct lower_view *v, const char *path);
/* O_RDONLY, of a regular file. A descriptor or -errno */
int lower_view_open(struct lower_view *v, const char *path);

struct walk {
	const char *start; /* a path below the root, "" for all */
	atomic_bool *cancelled;
	bool (*enter)(const char *path, void *arg); /* look into this directory? */
	/* what was found, its kind when the listing tells; non-zero ends the walk */
	int (*found)(struct walk *w, const char *path, enum state_kind kind, void *arg);
	void *arg;
	bool partly; /* out: some directories were not entered, or may change without our hearing of it */
	int dir_fd; /* of what `found` is told, with its name the last part of the path */
};

/* 0; -ECANCELED; -ENOBUFS: more directories than fit into memory; -errno of the start; found's answer */
int walk_tree(struct walk *w);

/* ---- lists of files (server_files.c, server_job.c) ---- */

/* What a query's files are asked of. Any thread, one at a time. */
struct files {
	const struct query *query;
	const char *root; /* path below the mount's root, which names are relative to */
	tick_t since;
	bool fresh;    /* everything is new */
	bool generate; /* only what `path`, `glob` and `suffix` name */
	struct query_source source;
	struct lower_view view;
	struct stat st;
	int walk_fd; /* while walking: names are looked at here */
};

void files_list_init(struct files *f, const struct query *q, const char *root);
void files_list_done(struct files *f);
/* name in the query's root, or NULL when the path isn't below it */
const char *files_list_name(const struct files *f, const char *path);
/* Puts the change's value behind what out holds. 1: put; 0: no match; -ENOMEM */
int files_list_put_change(struct files *f, const struct change *c, struct buf *out);
int files_list_put_found(struct files *f, const char *path, enum state_kind kind, struct buf *out);

/* A list of files as an answer, or as what a subscription begins with or has to catch up with. */
struct file_job {
	STAILQ_ENTRY(file_job) link;
	struct call call;
	struct work work;
	struct connection *connection;
	struct answer *answer;		   /* NULL: the client is gone, or it goes to `done` only */
	struct query *query;		   /* owned, unless a subscription's */
	struct subscription *subscription; /* referenced */
	char *root;			   /* what names are relative to; owned */
	struct buf head;		   /* of the object, up to where the clock comes */
	tick_t since, now;
	tick_t upto; /* what was changed later is not told */
	bool all_told;			  /* the question has waited for what was done behind the mount before it */
	bool fresh;			  /* no `since` that the journal knows */
	bool compare;			  /* what has not settled is to be compared first */
	bool skip_empty;		  /* with nothing to tell, tell nothing */
	void (*done)(struct file_job *j); /* on the loop, before it is freed; may be NULL */
	/* shared with whoever makes it, under lock: */
	pthread_mutex_t lock;
	pthread_cond_t room;
	struct buf out;
	bool finished, called;
	atomic_bool cancelled;
	/* the maker's: */
	bool begun, may_block, told;
	int result;
	bool landed; /* the maker is done with it: the loop's alone */
};

/* The root in the mount, and below it the query's relative one; malloc'ed */
char *query_root(const char *path, const struct query *q);
/* with the place in the order of answers `a`; the job is the callee's from now on */
void job_start(struct file_job *j);
struct file_job *job_new(struct connection *c, struct answer *a);
/* since: of the query, resolved to a tick or to "fresh" */
void job_set_since(struct file_job *j, const struct query_since *since);

/* ---- subscriptions (server_subscribe.c, server_push.c, server_raw.c, server_state.c) ---- */

struct subscription {
	TAILQ_ENTRY(subscription) link;
	unsigned refs;
	struct connection *connection; /* NULL: it is over */
	char *name, *root;	       /* the root's full path, as told to the client */
	char *path;		       /* the root's path in the mount, with relative_root */
	struct query *query;
	struct strv defer, drop;
	bool defer_vcs, batches, raw;
	tick_t tick, start; /* everything up to tick has been told; changes up to start are not wanted */
	bool busy;	    /* something is being evaluated for it */
	bool coalesce;	    /* held back: what is told next is the difference to `tick` */
	bool flushing;	    /* held back by nothing */
	unsigned pushed;    /* objects, for flush-subscriptions */
	bool raw_busy;
	struct buf raw_paths; /* NUL-terminated one after the other, waiting for raw_busy */
	size_t raw_dropped;
};

void subscription_unref(struct subscription *s);
/* ends it: no more pushes */
void subscription_end(struct subscription *s);
struct subscription *subscription_find(struct connection *c, const char *name);
void subscriptions_of_connection_end(struct connection *c);
/* {"unilateral":true,"subscription":…,"root":…, */
int subscription_put_head(const struct subscription *s, struct buf *out);
/* is it held back? dropping: what comes now is never told */
bool subscription_is_held(struct subscription *s, bool *dropping);
/* has it been told all that it is to be told now? */
bool subscription_is_up_to_date(struct subscription *s);
void push_all(void);
void push_to(struct subscription *s);
/* somebody is held back by what only looking tells the end of */
bool push_is_held(void);
void raw_take(void); /* what server_touched() has brought */
void raw_count(int change);

bool state_is_asserted(const char *name);
void states_of_connection_end(struct connection *c);

/* ---- the supervisor's commands (server_supervisor.c) ---- */

bool supervisor_is_there(void);
/* is the command the registered connection's, or would be one's? Then it takes r over */
bool supervisor_takes(struct request *r);
bool supervisor_claims(const char *name);
void supervisor_gone(struct connection *c);
/* at the start: the one of the worker before comes back, and what only it can answer waits for it */
void supervisor_expect(void);
/* Has it ended instead? true: somebody waits for it */
bool supervisor_check_expected(void);
void jobs_of_connection_end(const struct connection *c);
/* Who has named jobs is told what they have opened: before the changes that came after. */
void jobs_tell_opened(void);
/* the pid of {"pid":N}; false: it is none, and that is answered */
bool request_pid(struct request *r, pid_t *pid);

/* ---- what jobs ask for (server_window.c) ---- */

/* Opens a window for the job and answers (r is taken over) once what the kernel knows has become doubtful. */
void job_window_open(struct request *r, const char *job, pid_t pid);
/* the job is over */
void job_window_close(pid_t pid);
/* what it has opened since it was asked for its names last, where that is noted */
void job_tell_opened(struct connection *c, pid_t pid);

/* ---- commands, by file ---- */

command_fn cmd_version, cmd_list_capabilities, cmd_get_sockname, cmd_get_pid, cmd_watch, cmd_watch_project,
	cmd_watch_list, cmd_watch_del, cmd_clock, cmd_log_level, cmd_get_config; /* server_basic.c */
command_fn cmd_query, cmd_since, cmd_find;					 /* server_query.c */
command_fn cmd_subscribe, cmd_unsubscribe, cmd_flush;		       /* server_subscribe.c, server_flush.c */
command_fn cmd_state_enter, cmd_state_leave;			       /* server_state.c */
command_fn cmd_status, cmd_settle, cmd_history, cmd_state, cmd_detach; /* server_own.c */
command_fn cmd_foreign;						       /* server_foreign.c */
command_fn cmd_upgrade;						       /* server_upgrade.c */
command_fn cmd_register, cmd_reply, cmd_job_add, cmd_job_remove;       /* server_supervisor.c */
command_fn cmd_job_names;					       /* server_window.c */
/* hrfs-wait without a supervisor */
void settle_for_wait(struct request *r);
/* the n-th command's name, NULL at the end */
const char *command_name(size_t n);
