#include "supervisor/engine_service.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* ---- time ---- */

int64_t engine_now_ms(void)
{
	return (int64_t)(uv_hrtime() / 1000000);
}

int64_t engine_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- actions ---- */

static void do_nothing(struct service *s)
{
}

/* the sweep after each round sees whether `after` is ready */
static void do_wait(struct service *s)
{
	s->wait_ms = engine_now_ms();
}

static void do_build(struct service *s)
{
	int64_t waited = engine_now_ms() - s->wait_ms;

	if (s->config->after.count && waited > 0)
		say_stage(s, STAGE_WAIT, waited);
	build_begin(s);
}

static void do_spawn(struct service *s)
{
	if (s->stop_ms)
		say_stage(s, STAGE_STOP, engine_now_ms() - s->stop_ms);
	s->stop_ms = 0;
	run_spawn(s, PLACE_CURRENT);
}

static void do_spawn_new(struct service *s)
{
	run_spawn(s, PLACE_NEWCOMER);
}

static void do_drop_new(struct service *s)
{
	run_leave(s, s->newcomer);
	s->newcomer = NULL;
	s->start.end = engine_wall_ms();
	reads_known(s, PLAN_RUN, NULL, false);
}

static void do_drop_new_and_wait(struct service *s)
{
	do_drop_new(s);
	do_wait(s);
}

static void do_term(struct service *s)
{
	s->stop_ms = engine_now_ms();
	run_stop(s->current);
}

static void do_note_up(struct service *s)
{
	/* an attempt that began after this one says nothing about what this one runs */
	if (s->state == SERVICE_REBUILDING || s->state == SERVICE_OLD || s->state == SERVICE_RELOADING)
		plan_forget_good(&s->plan);
	else
		plan_good(&s->plan);
}

static void do_note_kept(struct service *s)
{
	plan_good(&s->plan);
	plan_stage_taken_in(&s->plan, PLAN_RUN);
	if (s->current)
		s->current->code_ms = s->try_wall_ms;
}

static void on_backoff(uv_timer_t *timer)
{
	engine_post(timer->data, EVENT_TIMER);
}

static void do_backoff(struct service *s)
{
	int64_t ms = pace_crashed(&s->pace, s->up_ms);

	s->backoff_ms = ms;
	uv_timer_start(s->timer, on_backoff, (uint64_t)ms, 0);
}

static void do_stop(struct service *s)
{
	s->ran_at_stop = s->current || s->build.job;
	uv_timer_stop(s->timer);
	kept_stop(s);
	build_stop(s);
	side_stop(s);
	if (s->newcomer)
		do_drop_new(s);
	if (s->current)
		run_stop(s->current);
	if (!s->jobs)
		engine_post(s, EVENT_GONE);
}

static void (*const actions[SERVICE_ACTIONS])(struct service *s) = {
	[DO_NOTHING] = do_nothing,   [DO_WAIT] = do_wait,
	[DO_BUILD] = do_build,	     [DO_BUILD_LATER] = build_later,
	[DO_SPAWN] = do_spawn,	     [DO_SPAWN_NEW] = do_spawn_new,
	[DO_PROMOTE] = run_promote,  [DO_INHERIT] = run_inherit,
	[DO_DROP_NEW] = do_drop_new, [DO_DROP_NEW_AND_WAIT] = do_drop_new_and_wait,
	[DO_TERM] = do_term,	     [DO_RELOAD] = exec_begin,
	[DO_NOTE_UP] = do_note_up,   [DO_NOTE_KEPT] = do_note_kept,
	[DO_BACKOFF] = do_backoff,   [DO_STOP] = do_stop,
};

/* ---- events ---- */

static void carry_out(struct service *s, enum service_event event)
{
	enum service_state was = s->state;
	struct service_step step = service_step(was, event);

	s->state = step.state;
	if (was == SERVICE_BACKOFF)
		uv_timer_stop(s->timer);
	actions[step.action](s);
	say_outcome(s, was, event);
}

/* are all that it waits for ready, and nothing under way in them? */
static bool deps_are_ready(const struct service *s)
{
	for (size_t i = 0; i < s->config->after.count; i++) {
		const struct service *dep = engine_find(s->engine, s->config->after.items[i]);

		if (!dep || dep->removed)
			continue; /* left out by name, or gone */
		switch (dep->state) {
		case SERVICE_READY:
			break;
		case SERVICE_OLD: /* the old code serves as well as it did before */
			if (!dep->current || !dep->current->up_ms)
				return false;
			break;
		case SERVICE_FINISHED:
			if (dep->code > 0)
				return false;
			break;
		default:
			return false;
		}
	}
	return true;
}

static void sweep(struct engine *e)
{
	for (size_t i = 0; i < e->count; i++) {
		struct service *s = e->services[i];

		if ((s->state == SERVICE_WAITING || s->state == SERVICE_REWAITING) && deps_are_ready(s))
			engine_post(s, EVENT_DEPS);
		if (s->state == SERVICE_STOPPED && s->restart && !e->stopping) {
			s->restart = false;
			engine_post(s, EVENT_START);
		}
	}
}

static void remove_gone(struct engine *e)
{
	for (size_t i = 0; i < e->count; i++) {
		struct service *s = e->services[i];

		if (!s->removed || s->state != SERVICE_STOPPED || s->jobs)
			continue;
		memmove(&e->services[i], &e->services[i + 1], (--e->count - i) * sizeof(*e->services));
		i--;
		service_free(s);
	}
}

static void run_queue(struct engine *e)
{
	e->carrying_out = true;
	do {
		for (size_t i = 0; i < e->queued; i++)
			carry_out(e->queue[i].service, e->queue[i].event);
		e->queued = 0;
		sweep(e);
	} while (e->queued);
	remove_gone(e);
	e->carrying_out = false;
	e->o.moved(e->o.arg);
}

void engine_post(struct service *s, enum service_event event)
{
	struct engine *e = s->engine;

	if (e->queued == e->queue_size) {
		size_t size = e->queue_size ? e->queue_size * 2 : 64;
		struct posted *queue = realloc(e->queue, size * sizeof(*queue));

		if (!queue)
			abort(); /* a lost event would leave the service in this state for ever */
		e->queue = queue;
		e->queue_size = size;
	}
	e->queue[e->queued++] = (struct posted){ s, event };
	if (!e->holds && !e->carrying_out)
		run_queue(e);
}

void engine_hold(struct engine *e)
{
	e->holds++;
}

void engine_release(struct engine *e)
{
	if (--e->holds == 0 && !e->carrying_out)
		run_queue(e);
}

void engine_job_gone(struct service *s)
{
	if (--s->jobs == 0 && s->state == SERVICE_STOPPING)
		engine_post(s, EVENT_GONE);
}

void engine_link_ready(struct engine *e)
{
	for (struct job *j = e->jobs; j; j = job_next(j))
		job_announce(j);
}

/* ---- life ---- */

int engine_new(const struct engine_options *options, struct engine **out)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->o = *options;
	*out = e;
	return 0;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	engine_outside_done(e);
	engine_head_done(e);
	for (size_t i = 0; i < e->count; i++)
		service_free(e->services[i]);
	free(e->services);
	free(e->queue);
	strv_done(&e->only);
	free(e);
}

size_t engine_count(const struct engine *e)
{
	return e->count;
}

struct service *engine_at(const struct engine *e, size_t i)
{
	return e->services[i];
}

struct service *engine_find(const struct engine *e, const char *name)
{
	for (size_t i = 0; i < e->count; i++) {
		if (strcmp(e->services[i]->name, name) == 0)
			return e->services[i];
	}
	return NULL;
}

/* ---- questions and the end ---- */

static bool is_blocked(const struct service *s)
{
	for (size_t i = 0; i < s->config->after.count; i++) {
		const struct service *dep = engine_find(s->engine, s->config->after.items[i]);

		if (dep && !service_is_settled(dep))
			return false;
	}
	return true; /* what it waits for has come to its end, and not well */
}

bool service_is_settled(const struct service *s)
{
	if (s->looking || run_is_draining(s) || plan_has_later(&s->plan))
		return false;
	if (s->state == SERVICE_WAITING || s->state == SERVICE_REWAITING)
		return is_blocked(s);
	return service_state_is_settled(s->state);
}

bool engine_is_settled(const struct engine *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (!service_is_settled(e->services[i]))
			return false;
	}
	return true;
}

uint64_t engine_works(const struct engine *e)
{
	return e->works;
}

void engine_stop(struct engine *e, int sig, bool at_once)
{
	if (!e->stopping)
		e->stop_sig = sig;
	e->stopping = true;
	if (at_once)
		processes_kill_all(e->o.processes);
	engine_hold(e);
	for (size_t i = 0; i < e->count; i++)
		engine_post(e->services[i], EVENT_STOP);
	engine_release(e);
}

bool engine_is_stopped(const struct engine *e)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->services[i]->state != SERVICE_STOPPED || e->services[i]->jobs)
			return false;
	}
	return true;
}

/*
 * Of what ended by itself before hrfs was asked to end; a command that still ran then was ended by
 * the signal.
 */
int engine_exit_status(const struct engine *e)
{
	int first = 0;
	bool ran = false;

	for (size_t i = 0; i < e->count; i++) {
		const struct service *s = e->services[i];

		if (s->ran_at_stop)
			ran = true;
		else if (s->code > 0 && !first)
			first = s->code;
	}
	if (ran && e->stop_sig)
		return 128 + e->stop_sig;
	return first;
}
