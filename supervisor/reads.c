#include "supervisor/reads.h"
#include "core/base/log.h"
#include "supervisor/link.h"
#include "supervisor/witness.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIDS 4 /* of those who opened one path, that are told apart */

struct opened { /* of one path, before it is known whose processes are git's */
	unsigned how;
	pid_t pids[PIDS];
	unsigned count; /* more than PIDS: others too */
};

struct reads {
	uv_loop_t *loop;
	struct link *link;
	char *mountpoint, *why;
	pid_t job;
	const struct reads_events *events;
	void *arg;
	struct witness *witness;
	struct map opened; /* path -> struct opened *, while the window is open */
	struct readset set;
	bool window, asked, closed, freed;
	bool wanted;   /* … once more, when that is answered */
	bool answered; /* the mount sees what it opens */
	bool lost;   /* something that was opened is not known */
	bool nested; /* in another mount namespace of its own making */
	bool names_lost;
	int64_t token;
	void (*done)(struct reads *r, void *arg);
	void *done_arg;
};

/* ---- what it opens ---- */

static void note(struct opened *o, unsigned how, pid_t pid)
{
	o->how |= how;
	for (unsigned i = 0; i < o->count && i < PIDS; i++)
		if (o->pids[i] == pid)
			return;
	if (o->count < PIDS)
		o->pids[o->count] = pid;
	o->count++;
}

/* what it reads once its window is closed is told as it comes */
static void add(struct reads *r, const char *path, unsigned how)
{
	if (readset_add(&r->set, path, how) && r->closed && r->events->read)
		r->events->read(path, how, r->arg);
}

static void on_opened(const char *path, unsigned how, pid_t pid, void *arg)
{
	struct reads *r = arg;
	struct opened *o;

	if (r->closed) {
		add(r, path, how);
		return;
	}
	o = map_get(&r->opened, path, strlen(path));
	if (!o) {
		o = r->opened.count < READSET_MAX_PATHS ? calloc(1, sizeof(*o)) : NULL;
		if (!o || map_put(&r->opened, path, strlen(path), o) < 0) {
			free(o);
			r->lost = true;
			return;
		}
	}
	note(o, how, pid);
}

static void on_lost(void *arg)
{
	struct reads *r = arg;

	if (r->lost)
		return;
	log_warn("event=witness_lost pid=%d", (int)r->job);
	r->lost = true;
	if (r->closed && r->events->lost)
		r->events->lost(r->arg);
}

static const struct witness_events events = { .opened = on_opened, .lost = on_lost };

/* ---- the names that it asks for ---- */

static bool is_of(const struct opened *o, const json_t *pids)
{
	size_t i;
	json_t *one;

	if (!o->count || o->count > PIDS)
		return false;
	for (unsigned k = 0; k < o->count; k++) {
		bool found = false;

		json_array_foreach(pids, i, one)
			found = found || json_integer_value(one) == o->pids[k];
		if (!found)
			return false;
	}
	return true;
}

/* git: pids of processes that look at everything, and for whose sake nothing is read; NULL: none are known */
static void take_marked(struct reads *r, const json_t *git)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&r->opened, e))) {
		struct opened *o = e->value;

		if (!json_array_size(git) || !is_of(o, git))
			readset_add(&r->set, e->key, o->how);
		free(o);
	}
	map_done(&r->opened);
}

static void take_names(struct reads *r, const json_t *list, void (*fn)(struct reads *r, const char *path, unsigned how),
		       unsigned how)
{
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one)
	{
		AUTO_FREE char *bytes = json_is_object(one) ? json_get_bytes(one, "name") : NULL;
		const char *name = bytes ? bytes : json_string_value(one);

		if (name)
			fn(r, name, how);
	}
}

/* it was not there because the job itself was yet to make it */
static void drop(struct reads *r, const char *path, unsigned how)
{
	readset_drop(&r->set, path, how);
}

void reads_take_opened(struct reads *r, const json_t *told)
{
	if (!r->answered)
		return;
	take_names(r, json_object_get(told, "opened"), add, READ_CONTENT);
	take_names(r, json_object_get(told, "executed"), add, READ_EXECUTED);
	take_names(r, json_object_get(told, "opened_directories"), add, READ_LISTED);
	if (!json_is_true(json_object_get(told, "opens_whole")))
		on_lost(r);
}

static void close_names(struct reads *r, const json_t *names)
{
	take_marked(r, json_object_get(names, "git"));
	take_names(r, json_object_get(names, "found"), add, READ_SEEN);
	take_names(r, json_object_get(names, "absent"), add, READ_ABSENT);
	take_names(r, json_object_get(names, "listed"), add, READ_LISTED);
	take_names(r, json_object_get(names, "made"), drop, READ_ABSENT | READ_SEEN);
	r->names_lost = !json_is_true(json_object_get(names, "whole"));
	r->nested = json_is_true(json_object_get(names, "nested"));
	r->token = json_integer_value(json_object_get(names, "known"));
	r->closed = true;
}

static bool ask(struct reads *r);

static void finish(struct reads *r, const json_t *names)
{
	reads_take_opened(r, names);
	if (!r->closed)
		close_names(r, names);
	if (!ask(r) && r->done)
		r->done(r, r->done_arg);
}

static void destroy(struct reads *r)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&r->opened, e)))
		free(e->value);
	map_done(&r->opened);
	readset_done(&r->set);
	free(r->mountpoint);
	free(r->why);
	free(r);
}

static void on_names(const json_t *answer, void *arg)
{
	struct reads *r = arg;

	r->asked = false;
	if (r->freed)
		destroy(r);
	else
		finish(r, answer);
}

/* false: there is nothing to be told */
static bool ask(struct reads *r)
{
	bool wanted = r->wanted && (!r->closed || r->answered);

	r->wanted = false;
	if (!wanted || !r->window)
		return false;
	r->asked = link_call(r->link, json_pack("[s,{s:i,s:b}]", "hrfs-job-names", "pid", (int)r->job, "close", 1), on_names,
			     r) == 0;
	return r->asked;
}

/* ---- from outside ---- */

struct reads *reads_new(uv_loop_t *loop, struct link *link, const char *mountpoint, pid_t job,
			const struct reads_events *reads_events, void *arg)
{
	struct reads *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	*r = (struct reads){ .loop = loop, .link = link, .job = job, .events = reads_events, .arg = arg };
	r->mountpoint = strdup(mountpoint);
	if (r->mountpoint)
		return r;
	free(r);
	return NULL;
}

void reads_free(struct reads *r)
{
	if (!r)
		return;
	witness_free(take_ptr(r->witness));
	r->freed = true;
	if (!r->asked)
		destroy(r);
}

void reads_take_group(struct reads *r, int group, const char *why)
{
	int result = group < 0 ? 0 : witness_new(r->loop, group, r->mountpoint, &events, r, &r->witness);

	if (group < 0 || result < 0) {
		free(r->why);
		r->why = strdup(result < 0 ? strerror(-result) : why);
	}
}

void reads_take_window(struct reads *r, bool open, bool opens)
{
	r->window = open;
	r->answered = open && opens;
	if (!open && !r->why)
		r->why = strdup("the mount cannot tell which names it asks for");
}

void reads_cut(struct reads *r)
{
	if (r->answered)
		on_lost(r);
}

void reads_catch_up(struct reads *r)
{
	if (r->witness)
		witness_drain(r->witness);
}

void reads_close(struct reads *r, void (*done)(struct reads *r, void *arg), void *arg)
{
	r->done = done;
	r->done_arg = arg;
	reads_catch_up(r);
	r->wanted = true;
	if (r->asked || ask(r))
		return;
	if (r->closed)
		done(r, arg);
	else
		finish(r, NULL);
}

const struct readset *reads_set(const struct reads *r)
{
	return &r->set;
}

bool reads_are_whole(const struct reads *r)
{
	return r->closed && r->window && !r->names_lost && !r->lost && !r->set.full && !(r->witness && r->nested && !r->answered);
}

int64_t reads_token(const struct reads *r)
{
	return r->set.full ? 0 : r->token;
}

bool reads_go_on(const struct reads *r)
{
	return !r->lost && (r->answered || (r->witness && !r->nested));
}

enum reads_how reads_how(const struct reads *r)
{
	if (r->witness)
		return READS_MARK;
	if (!r->why)
		return READS_UNKNOWN;
	if (!r->window)
		return READS_NOTHING;
	return r->answered ? READS_OPENS : READS_NAMES;
}

const char *reads_why(const struct reads *r)
{
	return r->why;
}
