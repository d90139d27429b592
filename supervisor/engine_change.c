/* Changes of the tree and requests for a reload, on their way to the services that they concern. */
#include "supervisor/engine_service.h"
#include <errno.h>
#include <string.h>

#define AVOIDED_MAX 3 /* examples */

static void note_causes(struct service *s, const struct batch *b, int64_t settle_ms)
{
	struct reload *r = say_record(s);

	for (size_t i = 0; r && i < b->count; i++) {
		if (plan_judge(&s->plan, &b->changes[i]) == PLAN_COUNTS)
			reload_add_cause(r, &b->changes[i]);
	}
	say_stage(s, STAGE_SETTLE, settle_ms);
}

/* its inputs are in another state than those it was tried with */
static void react(struct service *s)
{
	pace_changed(&s->pace);
	if (s->state == SERVICE_OLD && plan_is_as_good(&s->plan)) {
		plan_begin(&s->plan);
		engine_post(s, EVENT_REVERTED);
	} else {
		engine_post(s, EVENT_CHANGE);
	}
}

/* what only the check has read starts the check alone */
static void look_at_check(struct service *s, const struct batch *b)
{
	const struct plan_reads *r = &s->plan.reads[PLAN_CHECK];
	bool any = false;

	for (size_t i = 0; r->known && i < b->count && !any; i++)
		any = plan_judge_stage(&s->plan, PLAN_CHECK, &b->changes[i], NULL) == PLAN_COUNTS;
	if (any && s->config->check.argv.count && !s->engine->paused && service_state_is_settled(s->state) &&
	    s->state != SERVICE_STOPPED)
		check_begin(s);
}

/* without reads it would have been reloaded for this */
static void note_avoided(struct service *s, const struct batch *b)
{
	s->avoided++;
	for (size_t i = 0; i < b->count; i++) {
		const char *path = b->changes[i].path;

		if (plan_judge(&s->plan, &b->changes[i]) != PLAN_NOT_READ || strv_has(&s->avoided_for, path))
			continue;
		if (s->avoided_for.count >= AVOIDED_MAX)
			strv_done(&s->avoided_for); /* it is an example, nothing more */
		strv_add(&s->avoided_for, path);
	}
}

static void take(struct service *s, const struct batch *b, int64_t settle_ms)
{
	bool during = build_take(s, b, settle_ms);
	bool any = false, unread = false;

	for (int i = 0; i < PLAN_STAGES; i++)
		while (readset_adopt(&s->plan.reads[i].set, b->changes, b->count))
			;

	for (size_t i = 0; i < b->count; i++) {
		bool moved;
		enum plan_reason reason = plan_take(&s->plan, &b->changes[i], &moved);

		any = any || reason == PLAN_COUNTS;
		unread = unread || reason == PLAN_NOT_READ;
		timeline_judged(s->engine->o.timeline, s->name, &b->changes[i], reason);
	}
	if (unread && !any)
		note_avoided(s, b);
	if (echo_take(s, b, during) || !any || cycle_take(s, b) || !plan_is_stale(&s->plan) ||
	    s->state == SERVICE_STOPPED) {
		look_at_check(s, b);
		return;
	}
	note_causes(s, b, settle_ms);
	if (!s->engine->paused)
		react(s);
}

void engine_take(struct engine *e, const struct batch *b, int64_t settle_ms)
{
	if (b->truncated) {
		engine_take_all(e);
		return;
	}
	engine_hold(e);
	/* what a server has read of it is known before it is asked who has read it */
	for (struct job *j = e->jobs; j; j = job_next(j))
		if (job_reads(j))
			reads_catch_up(job_reads(j));
	for (size_t i = 0; i < e->count; i++)
		take(e->services[i], b, settle_ms);
	engine_release(e);
}

void engine_take_all(struct engine *e)
{
	engine_hold(e);
	for (size_t i = 0; i < e->count; i++) {
		struct service *s = e->services[i];

		plan_take_all(&s->plan);
		s->build.dirty = true;
		say_record_reason(s, "more changed than can be told one by one");
		if (!e->paused)
			engine_post(s, EVENT_CHANGE);
	}
	engine_release(e);
}

/* ---- on request ---- */

static void reload(struct service *s, bool full, const char *reason)
{
	s->forced = true;
	s->full = s->full || full;
	s->build.again = s->build.job || s->build.deciding;
	s->held_back = NULL;
	pace_changed(&s->pace);
	say_record_reason(s, reason);
	engine_post(s, s->state == SERVICE_STOPPED ? EVENT_START : EVENT_CHANGE);
}

int engine_reload(struct engine *e, const struct strv *names, bool full, struct buf *error)
{
	for (size_t i = 0; i < names->count; i++) {
		if (engine_find(e, names->items[i]))
			continue;
		buf_printf(error, "no service '%s' runs here", names->items[i]);
		return -ENOENT;
	}
	if (e->stopping) {
		buf_puts(error, "everything is being stopped");
		return -ESHUTDOWN;
	}
	engine_hold(e);
	for (size_t i = 0; i < e->count; i++) {
		struct service *s = e->services[i];

		if (!names->count || strv_has(names, s->name))
			reload(s, full, full ? "asked for, from scratch" : "asked for");
	}
	engine_release(e);
	return 0;
}

void engine_pause(struct engine *e, bool pause)
{
	if (e->paused == pause)
		return;
	e->paused = pause;
	engine_hold(e);
	for (size_t i = 0; !pause && i < e->count; i++) {
		struct service *s = e->services[i];

		if (s->state != SERVICE_STOPPED && plan_is_stale(&s->plan))
			react(s);
	}
	engine_release(e);
}

bool engine_is_paused(const struct engine *e)
{
	return e->paused;
}
