#include "supervisor/supervisor.h"
#include "core/base/exe.h"
#include "core/base/log.h"
#include "core/base/mountinfo.h"
#include "core/config.h"
#include "core/json.h"
#include "supervisor/command.h"
#include "supervisor/config_watch.h"
#include "supervisor/ending.h"
#include "supervisor/engine.h"
#include "supervisor/engine_view.h"
#include "supervisor/link.h"
#include "supervisor/output.h"
#include "supervisor/printed.h"
#include "supervisor/process.h"
#include "supervisor/requests.h"
#include "supervisor/settings.h"
#include "supervisor/terminal.h"
#include "supervisor/timeline.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct supervisor {
	const struct options *options;
	uv_loop_t loop;
	struct output *output;
	struct processes *processes;
	struct terminal *terminal;
	struct link *link;
	struct timeline *timeline;
	struct engine *engine;
	struct config_watch *config; /* NULL: a COMMAND */
	struct derived apart;	     /* the COMMAND as a build and a run, where it is one that can be */
	struct requests *requests;
	struct ending *ending;
	bool begun, stopping;
	int status; /* SUPERVISOR_FAILED, or -1: what the engine says */
};

static void note(void *arg, const char *text)
{
	struct supervisor *s = arg;

	if (s->options->detached)
		log_info("event=supervisor text=\"%s\"", text);
	else
		output_note(s->output, "%s", text);
}

/* ---- the end ---- */

static void on_over(void *arg)
{
	struct supervisor *s = arg;

	uv_stop(&s->loop);
}

static void moved(void *arg)
{
	struct supervisor *s = arg;

	if (s->requests)
		requests_moved(s->requests);
	if (s->stopping && engine_is_stopped(s->engine))
		ending_begin(s->ending);
}

static void stop(struct supervisor *s, int sig, bool at_once)
{
	s->stopping = true;
	engine_stop(s->engine, sig, at_once);
	moved(s);
}

static void on_stop(int sig, bool at_once, void *arg)
{
	stop(arg, sig, at_once);
}

/* `hrfs run | head`: as any program in a pipeline that nobody reads */
static void on_unread(void *arg)
{
	stop(arg, SIGPIPE, false);
}

static void on_stop_request(void *arg)
{
	stop(arg, 0, false);
}

/* ---- keys ---- */

static void say_why(struct supervisor *s)
{
	const struct reload *r = timeline_newest(s->timeline, NULL, 0);
	AUTO_BUF line = { 0 };

	if (!r) {
		output_note(s->output, "there has been no reload yet");
		return;
	}
	reload_line(r, &line);
	output_note(s->output, "%s: %s%s%s: %s", r->service, r->reason ? r->reason : "", r->reason ? "; " : "",
		    buf_str(&line), r->result ? r->result : "under way");
}

static void on_key(enum terminal_key key, void *arg)
{
	static const struct strv all;
	struct supervisor *s = arg;
	AUTO_BUF error = { 0 };

	switch (key) {
	case TERMINAL_RELOAD:
		engine_reload(s->engine, &all, false, &error);
		break;
	case TERMINAL_PAUSE:
		engine_pause(s->engine, !engine_is_paused(s->engine));
		output_note(s->output, engine_is_paused(s->engine) ? "paused: changes wait (p goes on)" : "going on");
		break;
	case TERMINAL_WHY:
		say_why(s);
		break;
	case TERMINAL_QUIT:
		stop(s, 0, false);
		break;
	case TERMINAL_HELP:
		output_note(s->output, "Enter reloads, p pauses, w says why, q quits");
		break;
	}
}

/* ---- what the mount says ---- */

static void on_batch(const struct batch *b, int64_t settle_ms, void *arg)
{
	struct supervisor *s = arg;
	AUTO_FREE struct change *marked = printed_mark(b, s->options->mountpoint, s->options->source);
	struct batch copy = *b;

	if (marked)
		copy.changes = marked;
	if (s->config)
		config_watch_take(s->config, b);
	engine_take(s->engine, &copy, settle_ms);
	engine_look_outside_after(s->engine, &copy);
	engine_look_head_after(s->engine, &copy);
}

static void on_fresh(void *arg)
{
	struct supervisor *s = arg;

	if (s->config)
		config_watch_look(s->config);
	engine_take_all(s->engine);
	engine_look_head(s->engine);
}

static void on_request(int64_t id, const json_t *command, void *arg)
{
	struct supervisor *s = arg;

	requests_take(s->requests, id, command);
}

static void on_cancelled(int64_t id, void *arg)
{
	struct supervisor *s = arg;

	requests_cancel(s->requests, id);
}

static void on_cut(void *arg)
{
	struct supervisor *s = arg;

	if (s->requests)
		requests_forget(s->requests);
	if (s->engine)
		engine_cut(s->engine);
}

static void on_opened(const json_t *told, void *arg)
{
	struct supervisor *s = arg;

	engine_take_opened(s->engine, told);
}

/* ---- the beginning ---- */

/* to whoever started it detached */
static void tell_ready(struct supervisor *s, json_t *object)
{
	AUTO_FREE char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (s->options->ready < 0)
		return;
	if (text && dprintf(s->options->ready, "%s\n", text) < 0)
		log_warn("event=ready_line_unread");
	close(s->options->ready);
}

static void fail(struct supervisor *s, const char *why)
{
	note(s, why);
	s->status = SUPERVISOR_FAILED;
	if (!s->begun)
		tell_ready(s, json_pack("{s:b,s:o}", "ok", 0, "error", json_bytes(why)));
	s->begun = true;
	if (s->requests)
		requests_begin(s->requests);
	stop(s, 0, false);
}

static void on_gone(const char *why, void *arg)
{
	struct supervisor *s = arg;
	AUTO_BUF text = { 0 };

	if (ending_has_begun(s->ending)) {
		ending_gone(s->ending);
		return;
	}
	buf_printf(&text, "%s%s", why, s->begun ? "; its services are ended" : "");
	fail(s, buf_str(&text));
}

static int configure_command(struct supervisor *s, struct buf *error)
{
	struct settings *settings;
	struct config *config;
	int r = command_config(s->options, &s->apart, &config, error);

	if (r < 0)
		return r;
	settings = settings_new(config);
	if (!settings) {
		config_free(config);
		return -ENOMEM;
	}
	r = engine_configure(s->engine, settings, NULL, error);
	settings_unref(settings);
	return r;
}

/* what is done differently from what was typed, and why */
static void say_apart(struct supervisor *s)
{
	const struct derived_service *d = s->apart.services;
	AUTO_BUF text = { 0 };

	if (s->apart.count && buf_printf(&text, "built and run apart, so that what does not compile ends nothing: %s, then %s",
					 d->build, d->run) == 0)
		note(s, text.data);
}

static void tell_begun(struct supervisor *s)
{
	json_t *names = json_array();

	for (size_t i = 0; i < engine_count(s->engine); i++)
		json_array_append_new(names, json_string(view_name(engine_at(s->engine, i))));
	tell_ready(s, json_pack("{s:b,s:i,s:o,s:o,s:o}", "ok", 1, "pid", (int)getpid(), "services", names,
				"not_started", s->config ? config_watch_not_started(s->config) : json_array(),
				"config_error", s->config ? config_watch_error(s->config) : json_null()));
}

static const struct terminal_events terminal_events = { .stop = on_stop, .key = on_key };

/* Changes come from now on, so none is missed between the reading of the configuration and the first build. */
static void on_ready(void *arg)
{
	struct supervisor *s = arg;
	AUTO_BUF error = { 0 };
	int r;

	if (s->begun) { /* the mount's daemon was replaced */
		engine_link_ready(s->engine);
		requests_begin(s->requests);
		return;
	}
	r = s->config ? config_watch_start(s->config, &error) : configure_command(s, &error);
	if (r < 0 && r != -EPERM && r != -EBADMSG) {
		fail(s, error.len ? error.data : strerror(-r));
		return;
	}
	s->begun = true;
	engine_look_outside(s->engine);
	say_apart(s);
	if (r == 0 && !engine_count(s->engine))
		note(s, CONFIG_FILE_NAME " names no services yet; it is read again when you save it");
	tell_begun(s);
	requests_begin(s->requests);
}

/* of a mount in the background it is in `hrfs log`, where its services' lines are */
static void say_config(const char *text, void *arg)
{
	struct supervisor *s = arg;
	struct output_stream *ring = s->options->detached ? output_stream(s->output, "hrfs", OUTPUT_RUN) : NULL;

	note(s, text);
	if (ring) {
		output_feed(ring, text, strlen(text), false);
		output_feed(ring, "\n", 1, false);
	}
}

static int make_parts(struct supervisor *s, struct buf *error)
{
	const struct options *o = s->options;
	bool keys = !o->detached; /* read while no service has the terminal itself */
	struct output_options output = { .fd = o->detached ? -1 : STDOUT_FILENO,
					 .error_fd = o->detached ? -1 : STDERR_FILENO,
					 .colour = !o->detached && output_colour_wanted(STDERR_FILENO),
					 .unread = on_unread,
					 .arg = s };
	AUTO_BUF job_program = { 0 };
	int r = output_new(&s->loop, &output, &s->output);

	if (r == 0)
		r = terminal_new(&s->loop, &terminal_events, keys, s, &s->terminal);
	if (r < 0)
		return r;
	r = exe_find("hrfs-job", &job_program);
	if (r < 0) {
		buf_printf(error, "hrfs-job is not at %s: install hrfs anew", buf_str(&job_program));
		return r;
	}
	s->timeline = timeline_new();
	return s->timeline ? processes_new(&s->loop, buf_str(&job_program), &s->processes) : -ENOMEM;
}

static int make_link(struct supervisor *s, struct buf *error)
{
	struct link_options o = {
		.socket = s->options->socket,
		.mountpoint = s->options->mountpoint,
		.ready = on_ready,
		.batch = on_batch,
		.fresh = on_fresh,
		.opened = on_opened,
		.request = on_request,
		.cancelled = on_cancelled,
		.cut = on_cut,
		.gone = on_gone,
		.arg = s,
	};

	return link_new(&s->loop, &o, &s->link, error);
}

static int device_of(const struct options *o, dev_t *out)
{
	struct mountinfo_entry e = { 0 };
	int r = o->device ? 0 : mountinfo_topmost(o->mountpoint, &e);

	if (r == 0)
		*out = o->device ? o->device : e.dev;
	mountinfo_entry_done(&e);
	return r;
}

static int make_engine(struct supervisor *s, struct buf *error)
{
	const struct options *o = s->options;
	struct engine_options e = {
		.loop = &s->loop,
		.processes = s->processes,
		.output = s->output,
		.terminal = s->terminal,
		.link = s->link,
		.timeline = s->timeline,
		.mountpoint = o->mountpoint,
		.source = o->source,
		.default_cwd = o->command ? o->cwd : NULL,
		.lend_terminal = !o->detached && !o->keys,
		.ptys = o->detached || isatty(STDOUT_FILENO),
		.notes_to_rings = o->detached,
		.markers = o->markers,
		.witness = !o->blind,
		.moved = moved,
		.arg = s,
	};
	struct config_watch_options c = { .mountpoint = o->mountpoint,
					  .source = o->source,
					  .only = &o->services,
					  .first = o->config,
					  .consent = o->consent,
					  .say = say_config,
					  .arg = s };
	struct requests_options q = { .loop = &s->loop,
				      .link = s->link,
				      .output = s->output,
				      .timeline = s->timeline,
				      .mountpoint = o->mountpoint,
				      .stop = on_stop_request,
				      .arg = s };
	struct ending_options n = { .loop = &s->loop,
				    .link = s->link,
				    .output = s->output,
				    .mountpoint = o->mountpoint,
				    .own = o->lifeline >= 0,
				    .done = on_over,
				    .arg = s };
	int r = device_of(o, &e.device);

	n.device = e.device;
	if (r == 0)
		r = engine_new(&e, &s->engine);
	if (r == 0)
		r = ending_new(&n, &s->ending);
	c.engine = q.engine = s->engine;
	if (r == 0 && !o->command)
		r = config_watch_new(&c, &s->config);
	q.config = s->config;
	return r < 0 ? r : requests_new(&q, &s->requests);
}

static void block_stops(sigset_t *before)
{
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGHUP);
	sigaddset(&stops, SIGQUIT);
	pthread_sigmask(SIG_BLOCK, &stops, before);
}

static void nothing(uv_work_t *work)
{
}

/* A thread of the pool that does not block what this one blocks at the end would take it there. */
static void start_pool(uv_loop_t *loop)
{
	static uv_work_t first;
	sigset_t before;

	block_stops(&before);
	uv_queue_work(loop, &first, nothing, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void free_parts(struct supervisor *s)
{
	block_stops(NULL); /* all has ended: one more Ctrl-C must not replace the exit status that is known already */
	requests_free(s->requests);
	link_free(s->link);
	ending_free(s->ending);
	config_watch_free(s->config);
	engine_free(s->engine);
	processes_free(s->processes);
	timeline_free(s->timeline);
	terminal_free(s->terminal);
	output_free(s->output);
	derived_done(&s->apart);
	uv_run(&s->loop, UV_RUN_DEFAULT); /* what is being closed */
	uv_loop_close(&s->loop);
}

int supervisor_run(const struct options *options)
{
	struct supervisor s = { .options = options, .status = -1 };
	AUTO_BUF error = { 0 };
	int r = uv_loop_init(&s.loop);

	if (r < 0)
		return SUPERVISOR_FAILED;
	start_pool(&s.loop);
	if (options->command)
		r = command_prepare(options, &s.apart);
	if (r == 0)
		r = make_parts(&s, &error);
	if (r == 0)
		r = make_link(&s, &error);
	if (r == 0)
		r = make_engine(&s, &error);
	if (r < 0) {
		if (!error.len)
			buf_puts(&error, strerror(-r));
		if (!options->detached)
			fprintf(stderr, "hrfs: %s\n", buf_str(&error));
		tell_ready(&s, json_pack("{s:b,s:o}", "ok", 0, "error", json_bytes(buf_str(&error))));
		s.status = SUPERVISOR_FAILED;
	} else {
		uv_run(&s.loop, UV_RUN_DEFAULT);
		if (s.status < 0)
			s.status = engine_exit_status(s.engine);
	}
	free_parts(&s);
	return s.status;
}
