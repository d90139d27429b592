/* One start of a run command: its sockets, environment, readiness and end. */
#include "supervisor/engine_service.h"
#include "supervisor/terminal.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define UNHEARD_MS 500

static void on_unheard(uv_timer_t *timer)
{
	struct service *s = timer->data;

	if (s->current)
		run_stop(s->current);
}

void run_stop(struct generation *g)
{
	struct service *s = g->service;
	int sig = g->config->stop_signal;

	/* what is typed on its terminal it has got already: a second signal makes many give up what they finish */
	if (s->engine->stopping && g->in_terminal && s->engine->stop_sig == SIGINT && !g->asked) {
		sig = 0;
		uv_timer_start(s->timer, on_unheard, UNHEARD_MS, 0);
	}
	g->asked = true;
	if (g->job)
		job_stop(g->job, sig, g->config->grace_ms);
}

/* ---- a generation ---- */

static void generation_free(struct generation *g)
{
	ready_free(g->ready);
	held_unref(g->held);
	settings_unref(g->settings);
	free(g->ready_by);
	free(g->could_not);
	free(g);
}

static bool was_started_last(const struct generation *g)
{
	return g->place == PLACE_NEWCOMER || (g->place == PLACE_CURRENT && !g->service->newcomer);
}

static int watch_ready(struct generation *g, struct buf *error);

static void on_ready(struct ready *r, int status, const char *text, void *arg)
{
	struct generation *g = arg;
	struct service *s = g->service;

	/* one that notifies may do so late, and tells of its reloads */
	if (g->config->ready.kind != CONFIG_READY_NOTIFY) {
		ready_free(r);
		g->ready = NULL;
	}
	free(g->ready_by);
	g->ready_by = strdup(text);
	if (status) {
		AUTO_BUF error = { 0 };

		if (was_started_last(g)) {
			s->start.end = engine_wall_ms();
			say_trouble(s, "not ready within %.3g s: %s", (double)g->config->ready_timeout_ms / 1000, text);
			engine_post(s, EVENT_TIMEOUT);
		}
		job_close_window(g->job); /* what it reads from now on is told as it comes */
		/* it may still become ready */
		if (g->place == PLACE_CURRENT && job_process(g->job) && g->config->ready.kind != CONFIG_READY_NOTIFY &&
		    watch_ready(g, &error) == 0)
			ready_begin(g->ready, process_job_pid(job_process(g->job)));
		return;
	}
	g->up_ms = engine_now_ms();
	g->up_wall_ms = engine_wall_ms();
	g->only_alive = g->config->ready.kind == CONFIG_READY_DEFAULT && strncmp(text, "alive", 5) == 0;
	if (g->held && !g->only_alive)
		g->held->taken = true;
	expect_up(&s->expect, g->only_alive, g->up_ms - g->start_ms, g->config->ready_timeout_ms);
	if (!was_started_last(g))
		return;
	s->start.end = g->up_wall_ms;
	job_close_window(g->job);
	say_stage(s, STAGE_START, g->up_ms - g->start_ms);
	engine_post(s, EVENT_UP);
}

/* ---- what it reads ---- */

static void on_known(struct job *j, void *arg)
{
	struct generation *g = arg;

	if (!was_started_last(g))
		return;
	reads_known(g->service, PLAN_RUN, j, g->up_ms != 0);
	if (g->up_ms)
		outputs_remember(g->service);
}

static void on_read(struct job *j, const char *path, unsigned how, void *arg)
{
	struct generation *g = arg;

	if (was_started_last(g))
		reads_one_more(g->service, path, how);
}

static void on_lost(struct job *j, void *arg)
{
	struct generation *g = arg;

	if (was_started_last(g))
		reads_lost(g->service);
}

static void on_reloading(struct ready *r, bool over, void *arg)
{
	struct generation *g = arg;

	g->reloading = !over;
	if (over && g->place == PLACE_CURRENT)
		signal_reloaded(g->service);
}

/* neither `ready:`, nor a socket to accept from: whether it serves or ends is to be seen */
static bool says_nothing(const struct generation *g)
{
	return g->config->ready.kind == CONFIG_READY_DEFAULT && !g->held;
}

static int watch_ready(struct generation *g, struct buf *error)
{
	struct service *s = g->service;
	struct ready_options o = {
		.how = &g->config->ready,
		.timeout_ms = says_nothing(g) ? expect_limit_ms(&s->expect, g->config->ready_timeout_ms)
					      : g->config->ready_timeout_ms,
		.quiet_ms = expect_quiet_ms(&s->expect),
		.port = g->config->port,
		.sockets = g->held ? g->held->sockets : NULL,
		.output = output_stream(s->engine->o.output, s->name, OUTPUT_RUN),
		.done = on_ready,
		.reloading = on_reloading,
		.arg = g,
	};

	return ready_new(s->engine->o.loop, &o, &g->ready, error);
}

static void on_started(struct job *j, void *arg)
{
	struct generation *g = arg;

	if (g->ready)
		ready_begin(g->ready, process_job_pid(job_process(j)));
}

static void on_failed(struct job *j, const char *text, void *arg)
{
	struct generation *g = arg;

	free(g->could_not);
	g->could_not = strdup(text);
	ready_free(g->ready);
	g->ready = NULL;
}

/* The program is gone; what it has left behind goes with it, or it would stand in the next one's way. */
static void on_exited(struct job *j, struct process_status status, void *arg)
{
	struct generation *g = arg;

	g->status = status;
	ready_free(g->ready);
	g->ready = NULL;
	job_stop(j, g->config->stop_signal, g->config->grace_ms);
}

static void note_end(struct service *s, const struct generation *g)
{
	int64_t took = engine_now_ms() - g->start_ms;

	if (g->asked || g->could_not)
		return;
	if (!g->up_ms)
		say_stage(s, STAGE_RUN, took);
	if ((!g->up_ms || g->only_alive) && !g->status.signalled)
		expect_ended(&s->expect, took);
}

static bool has_crashed(const struct generation *g)
{
	if (g->could_not)
		return true;
	return g->up_ms && !g->only_alive && !g->asked && (g->status.signalled || g->status.code);
}

static void on_ended(struct job *j, void *arg)
{
	struct generation *g = arg;
	struct service *s = g->service;
	enum service_event event = has_crashed(g) ? EVENT_CRASHED : EVENT_ENDED;
	bool good = !g->could_not && !g->status.signalled && !g->status.code;

	if (was_started_last(g) && !s->start.end)
		s->start.end = engine_wall_ms();
	/* of a server it is known already, unless it has ended before it was ready, or is a command that ends */
	if (was_started_last(g) && s->plan.reads[PLAN_RUN].open)
		reads_known(s, PLAN_RUN, j, good && !g->asked);
	g->job = NULL;
	if (g->place == PLACE_LEAVING) {
		run_left(s, g);
		generation_free(g);
		return;
	}
	if (g->place == PLACE_NEWCOMER) {
		event = EVENT_NEW_ENDED;
		s->newcomer = NULL;
	} else {
		s->current = NULL;
		note_end(s, g);
		s->engine->works += !g->asked;
		s->up_ms = g->up_ms ? engine_now_ms() - g->up_ms : 0;
		if (!g->asked)
			s->code = g->could_not ? 127 : job_code(g->status);
	}
	say_run_ended(s, g);
	generation_free(g);
	engine_post(s, event);
}

static const struct job_events events = {
	.started = on_started,
	.failed = on_failed,
	.exited = on_exited,
	.ended = on_ended,
	.known = on_known,
	.read = on_read,
	.lost = on_lost,
};

/* ---- starting ---- */

static int open_sockets(struct service *s, struct buf *error)
{
	const struct config_listen *l = &s->config->listen;
	struct held *h;
	int r;

	if (s->held || !l->addresses.count)
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	r = sockets_open(&l->addresses, &l->names, s->engine->o.mountpoint, &h->sockets, error);
	if (r < 0) {
		free(h);
		return r;
	}
	h->refs = 1;
	s->held = h;
	return 0;
}

static int add_port(const struct generation *g, struct strv *env)
{
	int port = g->config->port ? g->config->port : g->held ? sockets_port(g->held->sockets) : 0;
	char *entry;

	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->items[i], "PORT=", 5) == 0)
			return 0;
	}
	if (!port)
		return 0;
	return asprintf(&entry, "PORT=%d", port) < 0 ? -ENOMEM : strv_take(env, entry);
}

static void warn_of_holder(const struct generation *g)
{
	AUTO_BUF holder = { 0 };

	if (g->config->port && sockets_port_holder(g->config->port, NULL, &holder) == 1)
		say_note(g->service, "port %d is still held by %s", g->config->port, buf_str(&holder));
}

static enum process_mode mode_of(const struct generation *g)
{
	const struct engine *e = g->service->engine;
	/* what is printed straight to the terminal cannot be searched */
	bool searched = g->config->ready.kind == CONFIG_READY_LOG;

	if (e->o.lend_terminal && e->count == 1 && !searched && e->o.terminal && terminal_present(e->o.terminal))
		return PROCESS_TERMINAL;
	return e->o.ptys || e->count > 1 ? PROCESS_PTY : PROCESS_PIPE;
}

static int start(struct generation *g, struct buf *error)
{
	struct service *s = g->service;
	struct process_options o = { 0 };
	AUTO_STRV env = { 0 };
	AUTO_BUF cwd = { 0 };
	int r = job_environment(s, &env);

	if (r == 0)
		r = job_cwd(s, &cwd);
	if (r == 0)
		r = add_port(g, &env);
	if (r == 0)
		r = watch_ready(g, error);
	if (r == 0)
		r = ready_environment(g->ready, &env);
	if (r < 0)
		return r;
	warn_of_holder(g);
	o.argv = g->config->run.argv.items;
	o.env = env.items;
	o.cwd = buf_str(&cwd);
	o.sockets = g->held ? g->held->sockets : NULL;
	o.mode = mode_of(g);
	o.output = output_stream(s->engine->o.output, s->name, OUTPUT_RUN);
	o.witness = reads_witness(s);
	g->in_terminal = o.mode == PROCESS_TERMINAL;
	g->start_ms = engine_now_ms();
	return job_start(s, "run", &o, &events, g, &g->job, error);
}

static struct generation *generation_new(struct service *s, enum place place)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->service = s;
	g->place = place;
	g->settings = settings_ref(s->settings);
	g->config = s->config;
	g->held = held_ref(s->held);
	g->number = ++s->generations;
	g->code_ms = s->try_wall_ms;
	g->output_mark = output_mark(s->engine->o.output);
	return g;
}

void run_spawn(struct service *s, enum place place)
{
	AUTO_BUF error = { 0 };
	struct generation *g = NULL;
	int r = open_sockets(s, &error);

	if (r == 0)
		g = generation_new(s, place);
	s->run_is_newest = false;
	s->start = (struct span){ .begin = engine_wall_ms() };
	reads_begin(s, PLAN_RUN);
	if (g && start(g, &error) == 0) {
		*(place == PLACE_NEWCOMER ? &s->newcomer : &s->current) = g;
		return;
	}
	say_trouble(s, "it cannot be started: %s", error.len ? error.data : "no memory");
	say_trouble_text(s, NULL);
	if (place == PLACE_CURRENT)
		s->code = 126;
	if (g)
		generation_free(g);
	s->start.end = engine_wall_ms();
	reads_known(s, PLAN_RUN, NULL, false);
	engine_post(s, place == PLACE_NEWCOMER ? EVENT_NEW_ENDED : EVENT_CRASHED);
}

void run_promote(struct service *s)
{
	struct generation *old = s->current;

	s->current = s->newcomer;
	s->current->place = PLACE_CURRENT;
	s->newcomer = NULL;
	plan_good(&s->plan);
	if (old)
		run_leave(s, old);
}

void run_inherit(struct service *s)
{
	s->current = s->newcomer;
	s->current->place = PLACE_CURRENT;
	s->newcomer = NULL;
}
