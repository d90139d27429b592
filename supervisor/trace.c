#include "supervisor/trace.h"
#include "core/base/exe.h"
#include "core/base/path.h"
#include "core/base/mountinfo.h"
#include "core/json.h"
#include "supervisor/ending.h"
#include "supervisor/link.h"
#include "supervisor/output.h"
#include "supervisor/process.h"
#include "supervisor/reads.h"
#include "supervisor/supervisor.h"
#include "supervisor/terminal.h"
#include "supervisor/trace_report.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_MAX_MS 5000

struct trace {
	const struct options *options;
	uv_loop_t loop;
	struct output *output;
	struct terminal *terminal;
	struct processes *processes;
	struct link *link;
	struct ending *ending;
	struct process *process; /* NULL: not started, or ended */
	struct reads *reads;
	struct readset wrote;
	char job[WRITER_JOB_SIZE];
	pid_t pid; /* of hrfs-job */
	int status;
	bool begun;
};

static void fail(struct trace *t, const char *why)
{
	output_note(t->output, "%s", why);
	t->status = SUPERVISOR_FAILED;
	if (!t->process)
		ending_begin(t->ending);
}

static void on_over(void *arg)
{
	struct trace *t = arg;

	uv_stop(&t->loop);
}

/* ---- the end ---- */

static void report(struct trace *t)
{
	const struct options *o = t->options;
	struct trace_report r = {
		.reads = t->reads,
		.wrote = &t->wrote,
		.status = t->status,
		.json = o->json,
	};

	if (trace_report(&r, o->report >= 0 ? o->report : STDERR_FILENO) < 0)
		output_note(t->output, "the report cannot be written: %s", strerror(errno));
}

/* all that it wrote has been told */
static void on_settled(const json_t *answer, void *arg)
{
	struct trace *t = arg;

	if (!answer)
		output_note(t->output, "what it wrote is not known: the mount went away");
	report(t);
	ending_begin(t->ending);
}

static void on_closed(struct reads *r, void *arg)
{
	struct trace *t = arg;

	if (link_settle(t->link, NULL, SETTLE_MAX_MS, on_settled, t) < 0)
		on_settled(NULL, t);
}

static void on_ended(struct process *p, void *arg)
{
	struct trace *t = arg;

	t->process = NULL;
	reads_close(t->reads, on_closed, t);
}

static void on_exited(struct process *p, struct process_status status, void *arg)
{
	struct trace *t = arg;

	t->status = status.signalled ? 128 + status.code : status.code;
	/* what it leaves running would be traced for ever */
	process_stop(p, SIGTERM, PROCESS_GRACE_MS);
}

static void on_failed(struct process *p, const char *text, void *arg)
{
	struct trace *t = arg;

	output_note(t->output, "%s", text);
	t->status = 127;
}

static void on_witness(struct process *p, int group, const char *why, void *arg)
{
	struct trace *t = arg;

	reads_take_group(t->reads, group, why);
}

static const struct process_events events = {
	.witness = on_witness,
	.failed = on_failed,
	.exited = on_exited,
	.ended = on_ended,
};

/* ---- the beginning ---- */

static void on_announced(const json_t *answer, void *arg)
{
	struct trace *t = arg;
	const char *error = json_string_value(json_object_get(answer, "error"));

	reads_take_window(t->reads, json_is_true(json_object_get(answer, "window")),
			  json_is_true(json_object_get(answer, "opens")));
	if (!t->process)
		return;
	if (!answer || error) {
		output_note(t->output, "%s", error ? error : "the mount went away");
		t->status = SUPERVISOR_FAILED;
		process_kill(t->process);
		return;
	}
	process_go(t->process);
}

static int start(struct trace *t, struct buf *error)
{
	const struct options *o = t->options;
	static const struct reads_events no_events;
	AUTO_BUF cwd = { 0 };
	struct process_options p = {
		.job = t->job,
		.argv = o->command,
		.witness = o->blind ? NULL : o->mountpoint,
		.mode = PROCESS_TERMINAL,
		.terminal = t->terminal,
		.events = &events,
		.arg = t,
	};
	int r = path_absolute(&cwd, o->mountpoint, o->cwd && *o->cwd ? o->cwd : ".");

	if (r < 0)
		return r;
	p.cwd = buf_str(&cwd);
	r = process_new(t->processes, &p, &t->process, error);
	if (r < 0)
		return r;
	t->pid = process_job_pid(t->process);
	t->reads = reads_new(&t->loop, t->link, o->mountpoint, t->pid, &no_events, t);
	if (!t->reads)
		return -ENOMEM;
	return link_call(t->link,
			 json_pack("[s,{s:s,s:i,s:b,s:b}]", "hrfs-job-add", "job", t->job, "pid", (int)t->pid, "window", !o->blind,
				   "opens", !o->blind),
			 on_announced, t);
}

static void on_ready(void *arg)
{
	struct trace *t = arg;
	AUTO_BUF error = { 0 };
	int r;

	if (t->begun)
		return; /* the mount's daemon was replaced: its windows went with it, and the report says so */
	t->begun = true;
	r = start(t, &error);
	if (r < 0)
		fail(t, error.len ? error.data : strerror(-r));
}

static void on_batch(const struct batch *b, int64_t settle_ms, void *arg)
{
	struct trace *t = arg;

	for (size_t i = 0; i < b->count; i++)
		if (strcmp(b->changes[i].writer.job, t->job) == 0)
			readset_add(&t->wrote, b->changes[i].path, READ_WROTE);
	t->wrote.full = t->wrote.full || b->truncated;
}

static void on_fresh(void *arg)
{
	struct trace *t = arg;

	t->wrote.full = true;
}

static void on_gone(const char *why, void *arg)
{
	struct trace *t = arg;

	if (ending_has_begun(t->ending)) {
		ending_gone(t->ending);
		return;
	}
	output_note(t->output, "%s", why);
	t->status = SUPERVISOR_FAILED;
	if (t->process)
		process_kill(t->process);
	else
		ending_begin(t->ending);
}

static void on_stop(int sig, bool at_once, void *arg)
{
	struct trace *t = arg;

	if (t->process && at_once)
		process_kill(t->process);
	else if (t->process)
		process_stop(t->process, sig == SIGINT ? 0 : sig, PROCESS_GRACE_MS);
	else if (!t->begun)
		ending_begin(t->ending);
}

static const struct terminal_events terminal_events = { .stop = on_stop };

static int make_ending(struct trace *t)
{
	const struct options *o = t->options;
	struct ending_options e = { .loop = &t->loop,
				    .link = t->link,
				    .output = t->output,
				    .mountpoint = o->mountpoint,
				    .device = o->device,
				    .own = o->lifeline >= 0,
				    .done = on_over,
				    .arg = t };
	struct mountinfo_entry entry = { 0 };
	int r = o->device ? 0 : mountinfo_topmost(o->mountpoint, &entry);

	if (r == 0 && !o->device)
		e.device = entry.dev;
	mountinfo_entry_done(&entry);
	return r < 0 ? r : ending_new(&e, &t->ending);
}

static int make_parts(struct trace *t, struct buf *error)
{
	struct output_options output = { .fd = STDERR_FILENO, .error_fd = STDERR_FILENO };
	struct link_options link = {
		.socket = t->options->socket,
		.mountpoint = t->options->mountpoint,
		.observer = true,
		.ready = on_ready,
		.batch = on_batch,
		.fresh = on_fresh,
		.gone = on_gone,
		.arg = t,
	};
	AUTO_BUF job_program = { 0 };
	int r = output_new(&t->loop, &output, &t->output);

	if (r == 0)
		r = terminal_new(&t->loop, &terminal_events, false, t, &t->terminal);
	if (r == 0)
		r = exe_find("hrfs-job", &job_program);
	if (r == 0)
		r = processes_new(&t->loop, buf_str(&job_program), &t->processes);
	if (r == 0)
		r = link_new(&t->loop, &link, &t->link, error);
	return r < 0 ? r : make_ending(t);
}

static void free_parts(struct trace *t)
{
	reads_free(t->reads);
	link_free(t->link);
	ending_free(t->ending);
	processes_free(t->processes);
	terminal_free(t->terminal);
	output_free(t->output);
	uv_run(&t->loop, UV_RUN_DEFAULT); /* what is being closed */
	uv_loop_close(&t->loop);
	readset_done(&t->wrote);
}

int trace_run(const struct options *options)
{
	struct trace t = { .options = options };
	AUTO_BUF error = { 0 };
	int r = uv_loop_init(&t.loop);

	if (r < 0)
		return SUPERVISOR_FAILED;
	snprintf(t.job, sizeof(t.job), "trace-%d/run", (int)getpid());
	r = make_parts(&t, &error);
	if (r < 0) {
		fprintf(stderr, "hrfs: %s\n", error.len ? error.data : strerror(-r));
		t.status = SUPERVISOR_FAILED;
	} else {
		uv_run(&t.loop, UV_RUN_DEFAULT);
	}
	free_parts(&t);
	return t.status;
}
