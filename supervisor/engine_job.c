#include "core/base/path.h"
#include "core/json.h"
#include "supervisor/engine_service.h"
#include "supervisor/link.h"
#include "supervisor/reads.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

struct job {
	struct job *next, **place; /* of the engine's list */
	struct service *service;
	struct process *process; /* NULL: it has ended */
	const char *stage;	 /* static */
	char *name;
	pid_t pid;  /* of hrfs-job */
	int64_t known; /* the token of the names that the mount need not tell again */
	bool asked; /* the mount has not answered yet */
	bool announced;	     /* it goes: a window that it does not have by then is not opened any more */
	struct reads *reads; /* NULL: nobody wants to know */
	const struct job_events *events;
	void *arg;
	bool over; /* it has ended, and that has been told */
};

static void job_free(struct job *j)
{
	reads_free(j->reads);
	free(j->name);
	free(j);
}

/* ---- what happens to it ---- */

static void on_started(struct process *p, void *arg)
{
	struct job *j = arg;

	if (j->events->started)
		j->events->started(j, j->arg);
}

static void on_failed(struct process *p, const char *text, void *arg)
{
	struct job *j = arg;

	j->events->failed(j, text, j->arg);
}

static void on_exited(struct process *p, struct process_status status, void *arg)
{
	struct job *j = arg;

	j->events->exited(j, status, j->arg);
}

static void answered_nothing(const json_t *answer, void *arg)
{
}

static json_t *about(const struct job *j, const char *command, bool window)
{
	return json_pack("[s,{s:s,s:i,s:b,s:b,s:I}]", command, "job", j->name, "pid", (int)j->pid, "window", (int)window,
			 "opens", (int)window, "known", (json_int_t)j->known);
}

static void end(struct job *j)
{
	struct service *s = j->service;

	*j->place = j->next;
	if (j->next)
		j->next->place = j->place;
	link_call(s->engine->o.link, about(j, "hrfs-job-remove", false), answered_nothing, NULL);
	engine_hold(s->engine);
	j->events->ended(j, j->arg);
	engine_job_gone(s);
	engine_release(s->engine);
	j->over = true;
	if (!j->asked)
		job_free(j);
}

static void on_all_read(struct reads *r, void *arg)
{
	end(arg);
}

static void on_ended(struct process *p, void *arg)
{
	struct job *j = arg;

	j->process = NULL;
	if (j->reads)
		reads_close(j->reads, on_all_read, j);
	else
		end(j);
}

static void on_witness(struct process *p, int group, const char *why, void *arg)
{
	struct job *j = arg;

	if (j->reads) {
		reads_take_group(j->reads, group, why);
		if (j->announced)
			reads_say_how(j->service->engine, j->reads);
	} else if (group >= 0) {
		close(group);
	}
}

static const struct process_events events = {
	.witness = on_witness,
	.started = on_started,
	.failed = on_failed,
	.exited = on_exited,
	.ended = on_ended,
};

static void on_read(const char *path, unsigned how, void *arg)
{
	struct job *j = arg;

	if (j->events->read && !j->over)
		j->events->read(j, path, how, j->arg);
}

static void on_lost(void *arg)
{
	struct job *j = arg;

	if (j->events->lost && !j->over)
		j->events->lost(j, j->arg);
}

static const struct reads_events reads_events = { .read = on_read, .lost = on_lost };

/* ---- beginning ---- */

/* From now on the mount knows whose its writes are. Where there is no answer it runs all the same. */
static void on_announced(const json_t *answer, void *arg)
{
	struct job *j = arg;

	j->asked = false;
	if (j->reads && !j->announced) {
		reads_begun(j->service, j->stage, json_string_value(json_object_get(answer, "clock")));
		reads_take_window(j->reads, json_is_true(json_object_get(answer, "window")),
				  json_is_true(json_object_get(answer, "opens")));
	}
	j->announced = true;
	if (j->reads)
		reads_say_how(j->service->engine, j->reads);
	if (j->process)
		process_go(j->process);
	else if (j->over)
		job_free(j);
}

void job_announce(struct job *j)
{
	if (j->asked)
		return;
	j->asked = true;
	if (link_call(j->service->engine->o.link, about(j, "hrfs-job-add", j->reads && !j->announced), on_announced,
		      j) < 0)
		on_announced(NULL, j);
}

int job_start(struct service *s, const char *stage, struct process_options *options,
	      const struct job_events *job_events, void *arg, struct job **out, struct buf *error)
{
	struct engine *e = s->engine;
	struct job *j = calloc(1, sizeof(*j));
	int r = -ENOMEM;

	if (j && asprintf(&j->name, "%s/%s", s->name, stage) < 0)
		j->name = NULL;
	if (j && j->name) {
		j->service = s;
		j->stage = stage;
		j->events = job_events;
		j->arg = arg;
		options->job = j->name;
		options->events = &events;
		options->arg = j;
		options->terminal = e->o.terminal;
		r = process_new(e->o.processes, options, &j->process, error);
	}
	if (r < 0) {
		if (j)
			job_free(j);
		if (!error->len)
			buf_printf(error, "%s", strerror(-r));
		return r;
	}
	j->pid = process_job_pid(j->process);
	j->known = reads_known_token(s, stage);
	j->next = e->jobs;
	j->place = &e->jobs;
	if (j->next)
		j->next->place = &j->next;
	e->jobs = j;
	s->jobs++;
	*out = j;
	if (options->witness)
		j->reads = reads_new(e->o.loop, e->o.link, e->o.mountpoint, j->pid, &reads_events, j);
	job_announce(j);
	return 0;
}

/* ---- what it reads ---- */

struct reads *job_reads(struct job *j)
{
	return j->reads;
}

void engine_take_opened(struct engine *e, const json_t *told)
{
	json_int_t pid = json_integer_value(json_object_get(told, "pid"));

	for (struct job *j = e->jobs; j; j = j->next)
		if (j->pid == pid && j->reads)
			reads_take_opened(j->reads, told);
}

void engine_cut(struct engine *e)
{
	for (struct job *j = e->jobs; j; j = j->next)
		if (j->reads)
			reads_cut(j->reads);
}

static void on_closed(struct reads *r, void *arg)
{
	struct job *j = arg;

	if (j->events->known)
		j->events->known(j, j->arg);
}

void job_close_window(struct job *j)
{
	/* once nothing of it is left, its end closes it */
	if (j->reads && j->process)
		reads_close(j->reads, on_closed, j);
}

/* ---- the rest ---- */

struct process *job_process(struct job *j)
{
	return j->process;
}

struct job *job_next(struct job *j)
{
	return j->next;
}

void job_stop(struct job *j, int sig, int64_t grace_ms)
{
	if (j->process)
		process_stop(j->process, sig, grace_ms);
}

void job_kill(struct job *j)
{
	if (j->process)
		process_kill(j->process);
}

int job_code(struct process_status status)
{
	return status.signalled ? 128 + status.code : status.code;
}

int job_cwd(struct service *s, struct buf *out)
{
	const struct engine_options *o = &s->engine->o;
	const char *cwd = s->config->cwd ? s->config->cwd : o->default_cwd;

	return path_absolute(out, o->mountpoint, cwd && *cwd ? cwd : ".");
}

static bool has_name(const struct strv *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
			return true;
	}
	return false;
}

static int add(struct strv *env, const char *name, const char *value)
{
	char *entry;

	if (has_name(env, name))
		return 0;
	return asprintf(&entry, "%s=%s", name, value) < 0 ? -ENOMEM : strv_take(env, entry);
}

int job_environment(struct service *s, struct strv *env)
{
	AUTO_BUF cwd = { 0 };
	int r = strv_add_all(env, &s->config->env);

	if (r == 0)
		r = job_cwd(s, &cwd);
	if (r == 0)
		r = add(env, "PWD", buf_str(&cwd));
	/* bytecode is checked by seconds and size only: quick edits of equal size would run old code */
	if (r == 0 && !getenv("PYTHONDONTWRITEBYTECODE"))
		r = add(env, "PYTHONDONTWRITEBYTECODE", "1");
	return r;
}
