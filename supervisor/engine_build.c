#include "core/base/path.h"
#include "supervisor/engine_service.h"
#include "supervisor/failure.h"
#include "supervisor/link.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SETTLE_MAX_MS 2000
#define CLOCK_STEP_MS 10 /* a file system's times are that much behind */
#define LONG_BUILD_MS 1500

static void begin_now(struct service *s);

/* ---- what it has written ---- */

void build_forget(struct service *s)
{
	map_done(&s->build.outputs);
}

static bool overlaps(const struct span *span, int64_t from_ms, int64_t to_ms)
{
	return span->begin && to_ms > span->begin && (!span->end || from_ms <= span->end);
}

bool build_or_start_overlaps(const struct service *s, int64_t from_ms, int64_t to_ms)
{
	return overlaps(&s->build.span, from_ms, to_ms) || overlaps(&s->start, from_ms, to_ms);
}

bool build_take(struct service *s, const struct batch *batch, int64_t settle_ms)
{
	struct build *b = &s->build;
	int64_t from_ms = batch->time_ms - settle_ms;
	bool during = overlaps(&b->span, from_ms, batch->time_ms);
	char job[WRITER_JOB_SIZE];

	snprintf(job, sizeof(job), "%s/build", s->name);
	for (size_t i = 0; i < batch->count; i++) {
		const struct change *c = &batch->changes[i];

		if (strcmp(c->writer.job, job) == 0) {
			if (b->outputs.count < PLAN_MAX_PATHS)
				map_put(&b->outputs, c->path, strlen(c->path), b);
		} else if (during && plan_judge(&s->plan, c) == PLAN_COUNTS) {
			b->dirty = true;
		}
	}
	reads_take_written(s, batch);
	return build_or_start_overlaps(s, from_ms, batch->time_ms);
}

void build_dirty(struct service *s)
{
	s->build.dirty = true;
}

static void set_back(const char *mountpoint, const char *name, int64_t wall_ms)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };
	AUTO_BUF path = { 0 };
	struct stat st;

	if (path_join(&path, mountpoint, name) < 0 || lstat(buf_str(&path), &st) || !S_ISREG(st.st_mode))
		return;
	if ((int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 <= wall_ms)
		return;
	times[1].tv_sec = wall_ms / 1000;
	times[1].tv_nsec = wall_ms % 1000 * 1000000;
	utimensat(AT_FDCWD, buf_str(&path), times, AT_SYMLINK_NOFOLLOW);
}

/*
 * What was built from inputs that changed meanwhile is older than they are, whatever the time at
 * which it was written: make would call it up to date.
 */
static void set_times_back(struct service *s)
{
	struct build *b = &s->build;
	struct map_entry *e = NULL;

	while ((e = map_next(&b->outputs, e)))
		set_back(s->engine->o.mountpoint, e->key, b->span.begin - CLOCK_STEP_MS);
	b->dirty = false;
}

/* ---- its end ---- */

/* what is to be done with what was built */
static enum service_event built_event(struct service *s)
{
	enum config_reload_kind kind = s->config->reload.kind;
	bool up = s->current && s->current->up_ms;

	if (!s->config->run.argv.count)
		return EVENT_BUILT_KEEP;
	if (up && !s->forced && s->build.unchanged)
		return EVENT_BUILT_KEEP;
	if (up && !s->forced) {
		if (kind == CONFIG_RELOAD_NONE || (kind == CONFIG_RELOAD_DEFAULT && self_reloads(s)))
			return EVENT_BUILT_KEEP;
		if (kind == CONFIG_RELOAD_SIGNAL || kind == CONFIG_RELOAD_EXEC)
			return EVENT_BUILT_RELOAD;
	}
	/* beside the old one only on the very same sockets */
	if (s->held && s->current && s->current->held == s->held && kind != CONFIG_RELOAD_RESTART)
		return EVENT_BUILT_OVERLAP;
	return EVENT_BUILT_REPLACE;
}

static void good(struct service *s)
{
	enum service_event event = built_event(s);
	struct reload *r = say_record(s);
	static const char *const decisions[SERVICE_EVENTS] = {
		[EVENT_BUILT_OVERLAP] = "overlap",
		[EVENT_BUILT_REPLACE] = "restart",
		[EVENT_BUILT_RELOAD] = "signal",
		[EVENT_BUILT_KEEP] = "build",
	};

	if (r)
		r->decision = !s->current && event != EVENT_BUILT_KEEP ? "start" : decisions[event];
	if (r && event == EVENT_BUILT_RELOAD && s->config->reload.kind == CONFIG_RELOAD_EXEC)
		r->decision = "exec";
	if (r && event == EVENT_BUILT_KEEP && !s->config->build.argv.count)
		r->decision = "none";
	s->forced = s->full = false;
	engine_post(s, event);
}

/* all that the build wrote is known: has anything that runs changed? */
static void decide(struct service *s)
{
	struct build *b = &s->build;

	b->deciding = false;
	if (s->state != SERVICE_BUILDING && s->state != SERVICE_REBUILDING)
		return;
	b->unchanged = reads_run_is_good(s);
	if (b->again || (plan_is_stale(&s->plan) && !s->held_back))
		engine_post(s, EVENT_BUILD_AGAIN);
	else
		good(s);
}

static void on_written(const json_t *answer, void *arg)
{
	struct service *s = arg;
	bool known = json_is_true(json_object_get(answer, "settled"));

	engine_hold(s->engine);
	engine_job_gone(s);
	if (known) {
		outputs_compare(s, decide);
	} else {
		s->run_is_newest = false; /* what it has written is not known: started anew */
		decide(s);
	}
	engine_release(s->engine);
}

/* The build is good. Whether anything is to be started anew shows in what it has written, where it is known what is read. */
static void look_at_written(struct service *s)
{
	struct build *b = &s->build;

	b->unchanged = false;
	if (!reads_run_might_be_good(s) || link_settle(s->engine->o.link, NULL, SETTLE_MAX_MS, on_written, s) < 0) {
		good(s);
		return;
	}
	b->deciding = true;
	s->jobs++; /* the service must outlive the answer */
}

static void bad(struct service *s)
{
	struct build *b = &s->build;
	AUTO_BUF text = { 0 };
	AUTO_BUF line = { 0 };
	AUTO_BUF status = { 0 };
	struct output_stream *stream = output_stream(s->engine->o.output, s->name, OUTPUT_BUILD);
	const char *what = b->cleaning ? "clean" : "build";

	s->code = b->could_not ? 127 : job_code(b->status);
	process_status_text(b->status, &status);
	if (stream && !b->could_not)
		output_text(stream, b->output_mark, ENGINE_TEXT_MAX, &text);
	if (b->could_not)
		say_trouble(s, "%s failed: %s", what, b->could_not);
	else if (failure_line(buf_str(&text), &line) == 0)
		say_trouble(s, "%s failed: %s", what, line.data);
	else
		say_trouble(s, "%s failed: it %s and said nothing", what, buf_str(&status));
	say_trouble_text(s, text.len ? buf_take(&text) : NULL);
	engine_post(s, EVENT_BUILD_FAILED);
}

static bool is_good(const struct build *b)
{
	return !b->could_not && !b->status.signalled && !b->status.code;
}

static void on_ended(struct job *j, void *arg)
{
	struct service *s = arg;
	struct build *b = &s->build;
	int64_t took = engine_now_ms() - b->start_ms;

	b->job = NULL;
	b->span.end = engine_wall_ms();
	s->engine->works++;
	uv_timer_stop(s->timer);
	if (b->cleaning && is_good(b) && !b->cancelled) {
		b->cleaning = false;
		begin_now(s);
		return;
	}
	say_stage(s, STAGE_BUILD, took);
	if (!b->cancelled)
		pace_built(&s->pace, took);
	b->good = is_good(b) && !b->cancelled;
	reads_known(s, PLAN_BUILD, j, b->good);
	if (b->cancelled || b->again || (plan_is_stale(&s->plan) && !s->held_back))
		engine_post(s, EVENT_BUILD_AGAIN);
	else if (is_good(b))
		look_at_written(s);
	else
		bad(s);
}

static void on_failed(struct job *j, const char *text, void *arg)
{
	struct service *s = arg;

	free(s->build.could_not);
	s->build.could_not = strdup(text);
}

static void on_exited(struct job *j, struct process_status status, void *arg)
{
	struct service *s = arg;

	s->build.status = status;
	/* what it left running would write into the tree for ever */
	job_stop(j, SIGTERM, s->config->grace_ms);
}

static const struct job_events events = { .failed = on_failed, .exited = on_exited, .ended = on_ended };

/* ---- its beginning ---- */

static void on_long(uv_timer_t *timer)
{
	struct service *s = timer->data;

	if (s->build.job)
		say_note(s, "building");
}

static int start(struct service *s, struct buf *error)
{
	struct build *b = &s->build;
	const struct config_command *command = b->cleaning ? &s->config->clean : &s->config->build;
	AUTO_STRV env = { 0 };
	AUTO_BUF cwd = { 0 };
	struct process_options o = { 0 };
	int r = job_environment(s, &env);

	if (r == 0)
		r = job_cwd(s, &cwd);
	if (r < 0)
		return r;
	o.argv = command->argv.items;
	o.env = env.items;
	o.cwd = buf_str(&cwd);
	o.mode = s->engine->o.ptys ? PROCESS_PTY : PROCESS_PIPE;
	o.output = output_stream(s->engine->o.output, s->name, OUTPUT_BUILD);
	if (!o.output)
		return -ENOMEM;
	o.witness = b->cleaning ? NULL : reads_witness(s);
	return job_start(s, "build", &o, &events, s, &b->job, error);
}

static void begin_now(struct service *s)
{
	struct build *b = &s->build;
	AUTO_BUF error = { 0 };

	b->cancelled = b->again = false;
	b->status = (struct process_status){ 0 };
	if (!b->cleaning)
		reads_begin(s, PLAN_BUILD);
	b->start_ms = engine_now_ms();
	b->output_mark = output_mark(s->engine->o.output);
	free(b->could_not);
	b->could_not = NULL;
	if (start(s, &error) == 0) {
		if (s->engine->o.markers)
			say_begin(s);
		else
			uv_timer_start(s->timer, on_long, LONG_BUILD_MS, 0);
		return;
	}
	b->could_not = strdup(error.len ? error.data : "no memory");
	b->good = false;
	reads_known(s, PLAN_BUILD, NULL, false);
	bad(s);
}

static void attempt(struct service *s)
{
	struct build *b = &s->build;
	bool clean = s->full && s->config->clean.argv.count;
	bool build = s->config->build.argv.count && !reads_build_is_good(s);

	b->unchanged = false;
	if (s->full) {
		plan_stage_forget(&s->plan, PLAN_BUILD);
		plan_stage_forget(&s->plan, PLAN_RUN);
	}
	if (b->dirty)
		set_times_back(s);
	build_forget(s);
	plan_begin(&s->plan);
	s->attempts++;
	s->try_wall_ms = engine_wall_ms();
	check_if_stale(s);
	if (!build && !clean) {
		b->unchanged = reads_run_is_good(s);
		good(s);
		return;
	}
	b->span = (struct span){ .begin = s->try_wall_ms };
	b->cleaning = clean;
	begin_now(s);
}

static void on_settled(const json_t *answer, void *arg)
{
	struct service *s = arg;

	s->build.settling = false;
	engine_hold(s->engine);
	engine_job_gone(s);
	if (s->state == SERVICE_BUILDING || s->state == SERVICE_REBUILDING)
		attempt(s);
	engine_release(s->engine);
}

void build_begin(struct service *s)
{
	struct build *b = &s->build;

	if (b->settling)
		return;
	if (b->remembering) { /* milliseconds after the last start */
		b->waits_for_it = true;
		return;
	}
	/* its times can be set back only when all that it wrote is known */
	if (b->dirty && s->config->build.argv.count && !reads_build_is_good(s) &&
	    link_settle(s->engine->o.link, NULL, SETTLE_MAX_MS, on_settled, s) == 0) {
		b->settling = true;
		s->jobs++; /* the service must outlive the answer */
		return;
	}
	attempt(s);
}

void build_later(struct service *s)
{
	struct build *b = &s->build;

	if (b->settling || !b->job || b->cancelled)
		return; /* it will see what is there when it begins, or it is seen when it is decided what becomes of it */
	b->dirty = true;
	if (!pace_may_cancel(&s->pace, engine_now_ms() - b->start_ms))
		return;
	b->cancelled = true;
	pace_cancelled(&s->pace);
	job_stop(b->job, SIGTERM, s->config->grace_ms);
}

void build_stop(struct service *s)
{
	s->build.cancelled = true;
	if (s->build.job)
		job_stop(s->build.job, SIGTERM, s->config->grace_ms);
}
