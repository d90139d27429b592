/* What the jobs of a service have read, and what follows for its build and for what it runs. */
#include "core/clock.h"
#include "supervisor/engine_service.h"
#include "supervisor/outsourced.h"
#include <string.h>

const char *reads_witness(const struct service *s)
{
	return s->engine->o.witness ? s->engine->o.mountpoint : NULL;
}

void reads_say_how(struct engine *e, const struct reads *r)
{
	const char *why = reads_why(r) ? reads_why(r) : "";

	if (e->witness_said || reads_how(r) == READS_UNKNOWN)
		return;
	e->witness_said = true;
	if (e->o.notes_to_rings)
		return; /* nobody is there to read it; hrfs status tells it too */
	output_note(e->o.output, "%s%s%s", reads_how_effect(reads_how(r)), *why ? ": " : "", why);
}

void reads_begin(struct service *s, enum plan_stage stage)
{
	s->begun++;
	plan_stage_begin(&s->plan, stage);
}

const struct config_command *reads_command(const struct service *s, enum plan_stage stage)
{
	const struct config_service *c = s->config;

	return stage == PLAN_BUILD ? &c->build : stage == PLAN_RUN ? &c->run : &c->check;
}

/* a server must be seen on: what it reads after it was ready counts as well */
static bool is_seen_whole(const struct service *s, enum plan_stage stage, struct job *j)
{
	const struct reads *r = j ? job_reads(j) : NULL;
	bool runs_on = stage == PLAN_RUN && j && job_process(j);

	if (!j)
		return true; /* it has not run, so it has read nothing */
	if (!r || !reads_are_whole(r) || (runs_on && !reads_go_on(r)))
		return false;
	return !is_outsourced(reads_command(s, stage)->argv.items);
}

static void take_cause(const struct change *c, void *arg)
{
	struct service *s = arg;
	struct reload *r = say_record(s);

	if (r)
		reload_add_cause(r, c);
	timeline_judged(s->engine->o.timeline, s->name, c, PLAN_COUNTS);
}

void reads_known(struct service *s, enum plan_stage stage, struct job *j, bool good)
{
	const struct reads *r = j ? job_reads(j) : NULL;

	if (r) {
		readset_add_all(&s->plan.reads[stage].set, reads_set(r));
		s->plan.reads[stage].token = s->plan.reads[stage].set.full ? 0 : reads_token(r);
		s->witness = reads_how(r);
		kept_known(s);
	}
	if (!plan_stage_known(&s->plan, stage, is_seen_whole(s, stage, j), good && j, take_cause, s))
		return;
	if (stage == PLAN_BUILD)
		build_dirty(s);
	else if (s->state != SERVICE_STOPPED && s->state != SERVICE_STOPPING && !s->engine->paused)
		engine_post(s, EVENT_CHANGE);
}

/* PLAN_STAGES: none of them */
static enum plan_stage stage_of(const char *name)
{
	int i = 0;

	while (i < PLAN_STAGES && strcmp(name, plan_stage_name(i)) != 0)
		i++;
	return i;
}

void reads_begun(struct service *s, const char *name, const char *text)
{
	enum plan_stage stage = stage_of(name);
	struct clock clock;

	if (stage < PLAN_STAGES && text && clock_parse(text, &clock) == 0)
		plan_stage_begun(&s->plan, stage, clock.tick);
}

int64_t reads_known_token(const struct service *s, const char *name)
{
	enum plan_stage stage = stage_of(name);

	return stage < PLAN_STAGES ? s->plan.reads[stage].token : 0;
}

void reads_one_more(struct service *s, const char *path, unsigned how)
{
	if (readset_add(&s->plan.reads[PLAN_RUN].set, path, how))
		kept_one_more(s);
}

void reads_lost(struct service *s)
{
	s->plan.reads[PLAN_RUN].known = false;
}

void reads_take_written(struct service *s, const struct batch *b)
{
	char build[WRITER_JOB_SIZE], run[WRITER_JOB_SIZE];

	snprintf(build, sizeof(build), "%s/build", s->name);
	snprintf(run, sizeof(run), "%s/run", s->name);
	for (size_t i = 0; i < b->count; i++) {
		const struct change *c = &b->changes[i];
		bool is_build = strcmp(c->writer.job, build) == 0;

		if (!is_build && strcmp(c->writer.job, run) != 0)
			continue;
		/* what is gone again is no output, and need not be watched for */
		if (c->after.kind == STATE_ABSENT)
			readset_drop(&s->plan.reads[is_build ? PLAN_BUILD : PLAN_RUN].set, c->path, READ_WROTE);
		else if (c->after.kind != STATE_DIR)
			readset_add(&s->plan.reads[is_build ? PLAN_BUILD : PLAN_RUN].set, c->path, READ_WROTE);
	}
}

static bool is_known(const struct service *s, enum plan_stage stage)
{
	const struct plan_reads *r = &s->plan.reads[stage];

	return r->known && !r->set.full && !s->config->watch.count;
}

bool reads_build_is_good(const struct service *s)
{
	return s->build.good && !s->forced && !s->full && is_known(s, PLAN_BUILD) &&
	       !plan_stage_is_stale(&s->plan, PLAN_BUILD);
}

bool reads_run_might_be_good(const struct service *s)
{
	return s->run_is_newest && s->current && s->current->up_ms && !s->forced && is_known(s, PLAN_RUN) &&
	       !s->plan.since[PLAN_RUN].all;
}

bool reads_run_is_good(const struct service *s)
{
	return s->run_is_newest && s->current && s->current->up_ms && !s->forced && is_known(s, PLAN_RUN) &&
	       !plan_stage_is_stale(&s->plan, PLAN_RUN);
}
