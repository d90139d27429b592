/* Commands beside a generation: checks, and what tells a running one to take in new code. */
#include "supervisor/engine_service.h"
#include "supervisor/failure.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SIGNAL_MS 100 /* one that takes the signal for an end has ended by then */

void side_done(struct side *side)
{
	free(side->could_not);
	free(side->result);
	*side = (struct side){ 0 };
}

static void fail_side(struct side *side, const char *text)
{
	free(side->could_not);
	side->could_not = strdup(text);
}

static int start(struct service *s, struct side *side, const struct config_command *command, const char *stage,
		 enum output_stage output, const struct job_events *events, struct buf *error)
{
	struct process_options o = { 0 };
	AUTO_STRV env = { 0 };
	AUTO_BUF cwd = { 0 };
	char pid[32];
	int r = job_environment(s, &env);

	if (r == 0)
		r = job_cwd(s, &cwd);
	if (r == 0 && s->current && s->current->job && job_process(s->current->job) && output == OUTPUT_RELOAD) {
		snprintf(pid, sizeof(pid), "MAINPID=%d", (int)process_pid(job_process(s->current->job)));
		r = strv_add(&env, pid);
	}
	if (r < 0)
		return r;
	o.argv = command->argv.items;
	o.env = env.items;
	o.cwd = buf_str(&cwd);
	o.mode = s->engine->o.ptys ? PROCESS_PTY : PROCESS_PIPE;
	o.output = output_stream(s->engine->o.output, s->name, output);
	side->again = false;
	side->status = (struct process_status){ 0 };
	side->start_ms = engine_now_ms();
	side->output_mark = output_mark(s->engine->o.output);
	free(side->could_not);
	side->could_not = NULL;
	o.witness = output == OUTPUT_CHECK ? reads_witness(s) : NULL;
	return job_start(s, stage, &o, events, s, &side->job, error);
}

static bool is_good(const struct side *side)
{
	return !side->could_not && !side->status.signalled && !side->status.code;
}

/* what went wrong, in one line */
static void explain(struct service *s, const struct side *side, enum output_stage stage, struct buf *out)
{
	struct output_stream *stream = output_stream(s->engine->o.output, s->name, stage);
	AUTO_BUF text = { 0 };

	if (side->could_not) {
		buf_puts(out, side->could_not);
		return;
	}
	if (stream)
		output_text(stream, side->output_mark, ENGINE_TEXT_MAX, &text);
	if (failure_line(buf_str(&text), out) < 0)
		process_status_text(side->status, out);
}

/* ---- checks ---- */

static void check_ended(struct job *j, void *arg)
{
	struct service *s = arg;
	struct side *side = &s->check;
	AUTO_BUF line = { 0 };

	side->job = NULL;
	if (s->state == SERVICE_STOPPING)
		return;
	reads_known(s, PLAN_CHECK, j, !side->again);
	if (side->again) {
		check_begin(s);
		return;
	}
	side->ok = is_good(side);
	if (side->ok)
		buf_printf(&line, "check passed in %lld ms", (long long)(engine_now_ms() - side->start_ms));
	else if (buf_puts(&line, "check failed: ") == 0)
		explain(s, side, OUTPUT_CHECK, &line);
	free(side->result);
	side->result = buf_take(&line);
	if (side->result)
		say_note(s, "%s", side->result);
}

static void check_failed(struct job *j, const char *text, void *arg)
{
	struct service *s = arg;

	fail_side(&s->check, text);
}

static void check_exited(struct job *j, struct process_status status, void *arg)
{
	struct service *s = arg;

	s->check.status = status;
	job_stop(j, SIGTERM, s->config->grace_ms);
}

static const struct job_events check_events = {
	.failed = check_failed,
	.exited = check_exited,
	.ended = check_ended,
};

void check_if_stale(struct service *s)
{
	const struct plan_reads *r = &s->plan.reads[PLAN_CHECK];

	if (!r->known || r->open || !s->check.result || s->forced || s->config->watch.count || plan_stage_is_stale(&s->plan, PLAN_CHECK))
		check_begin(s);
}

void check_begin(struct service *s)
{
	struct side *side = &s->check;
	AUTO_BUF error = { 0 };

	if (!s->config->check.argv.count)
		return;
	if (side->job) { /* it looks at what was; once more when it is out of the way */
		side->again = true;
		job_stop(side->job, SIGTERM, s->config->grace_ms);
		return;
	}
	reads_begin(s, PLAN_CHECK);
	if (start(s, side, &s->config->check, "check", OUTPUT_CHECK, &check_events, &error) < 0)
		say_note(s, "the check cannot be started: %s", buf_str(&error));
}

/* ---- reload: signal and exec ---- */

static void reload_failed(struct service *s, const struct side *side)
{
	AUTO_BUF line = { 0 };

	explain(s, side, OUTPUT_RELOAD, &line);
	say_trouble(s, "reload failed: %s", buf_str(&line));
	say_trouble_text(s, NULL);
	engine_post(s, EVENT_RELOAD_FAILED);
}

static void exec_ended(struct job *j, void *arg)
{
	struct service *s = arg;
	struct side *side = &s->exec;

	side->job = NULL;
	s->engine->works++;
	if (s->state != SERVICE_RELOADING)
		return;
	if (side->again) {
		exec_begin(s);
		return;
	}
	say_stage(s, STAGE_START, engine_now_ms() - side->start_ms);
	if (is_good(side))
		engine_post(s, EVENT_RELOADED);
	else
		reload_failed(s, side);
}

static void exec_failed(struct job *j, const char *text, void *arg)
{
	struct service *s = arg;

	fail_side(&s->exec, text);
}

static void exec_exited(struct job *j, struct process_status status, void *arg)
{
	struct service *s = arg;

	s->exec.status = status;
	job_stop(j, SIGTERM, s->config->grace_ms);
}

static const struct job_events exec_events = {
	.failed = exec_failed,
	.exited = exec_exited,
	.ended = exec_ended,
};

void signal_reloaded(struct service *s)
{
	if (s->state != SERVICE_RELOADING)
		return;
	uv_timer_stop(s->timer);
	say_stage(s, STAGE_START, engine_now_ms() - s->exec.start_ms);
	engine_post(s, EVENT_RELOADED);
}

static void on_signalled(uv_timer_t *timer)
{
	struct service *s = timer->data;
	int64_t took = engine_now_ms() - s->exec.start_ms;

	/* one that notifies says itself when it is over */
	if (s->current && s->current->reloading && took < s->config->ready_timeout_ms)
		uv_timer_start(timer, on_signalled, SIGNAL_MS, 0);
	else
		signal_reloaded(s);
}

void exec_begin(struct service *s)
{
	const struct config_reload *how = &s->config->reload;
	struct side *side = &s->exec;
	AUTO_BUF error = { 0 };

	if (how->kind == CONFIG_RELOAD_SIGNAL) {
		if (s->current && s->current->job && job_process(s->current->job))
			process_signal(job_process(s->current->job), how->signal);
		side->start_ms = engine_now_ms();
		uv_timer_start(s->timer, on_signalled, SIGNAL_MS, 0);
		return;
	}
	if (side->job) {
		side->again = true;
		job_stop(side->job, SIGTERM, s->config->grace_ms);
		return;
	}
	if (start(s, side, &how->exec, "reload", OUTPUT_RELOAD, &exec_events, &error) == 0)
		return;
	fail_side(side, error.len ? error.data : "no memory");
	reload_failed(s, side);
}

void side_stop(struct service *s)
{
	s->check.again = s->exec.again = false;
	if (s->check.job)
		job_stop(s->check.job, SIGTERM, s->config->grace_ms);
	if (s->exec.job)
		job_stop(s->exec.job, SIGTERM, s->config->grace_ms);
}
