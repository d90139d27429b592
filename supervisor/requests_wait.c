/* hrfs-wait: everything written before is settled, then decided, then in force or failed. */
#include "supervisor/engine_view.h"
#include "supervisor/requests_private.h"
#include "supervisor/config_watch.h"
#include <string.h>

#define DEFAULT_MS 60000
#define MAX_MS (24 * 3600 * 1000LL)

static bool all_ok(struct requests *r)
{
	for (size_t i = 0; i < engine_count(r->o.engine); i++) {
		if (!view_is_ok(engine_at(r->o.engine, i)))
			return false;
	}
	return true;
}

static void answer(struct pending *p, bool in_time)
{
	struct requests *r = p->requests;
	json_t *o = services_answer(r);
	bool config_ok = !r->o.config || config_watch_is_ok(r->o.config);

	if (o) {
		json_object_set_new(o, "ok", json_boolean(in_time && config_ok && all_ok(r)));
		json_object_set_new(o, "timed_out", json_boolean(!in_time));
		json_object_set_new(o, "paused", json_boolean(engine_is_paused(r->o.engine)));
		if (p->clock)
			json_object_set_new(o, "clock", json_string(p->clock));
	}
	reply(r, p->id, o);
	pending_done(p);
}

static void settle(struct pending *p, const char *clock);

void wait_look(struct requests *r)
{
	struct pending *p, *next;

	for (p = r->pending; p; p = next) {
		next = p->next;
		if (!p->waits || !p->settled || !engine_is_settled(r->o.engine))
			continue;
		/* what a build has written since then may be what another service reads */
		if (p->works != engine_works(r->o.engine))
			settle(p, NULL);
		else
			answer(p, true);
	}
}

static void on_settled(const json_t *settled, void *arg)
{
	struct pending *p = arg;
	struct requests *r = p->requests;
	const char *clock = json_string_value(json_object_get(settled, "clock"));
	const char *error = json_string_value(json_object_get(settled, "error"));

	p->settling = false;
	if (p->cancelled) {
		free(p->clock);
		free(p);
		return;
	}
	if (!settled || error) {
		reply_error(r, p->id, error ? error : "the mount's daemon is gone");
		pending_done(p);
		return;
	}
	free(p->clock);
	p->clock = clock ? strdup(clock) : NULL;
	if (!json_is_true(json_object_get(settled, "settled"))) {
		answer(p, false);
		return;
	}
	p->settled = true;
	wait_look(r);
}

static void settle(struct pending *p, const char *clock)
{
	struct requests *r = p->requests;

	p->settled = false;
	p->settling = true;
	p->works = engine_works(r->o.engine);
	if (link_settle(r->o.link, clock, p->limit_ms, on_settled, p) == 0)
		return;
	p->settling = false;
	reply_error(r, p->id, "the mount's daemon is gone");
	pending_done(p);
}

static void on_timeout(uv_timer_t *timer)
{
	answer(timer->data, false);
}

void wait_take(struct requests *r, int64_t id, const json_t *arguments)
{
	const char *clock = json_string_value(json_object_get(arguments, "clock"));
	const json_t *limit = json_object_get(arguments, "timeout_ms");
	int64_t ms = json_is_integer(limit) ? json_integer_value(limit) : DEFAULT_MS;
	struct pending *p = pending_new(r, id);

	if (!p)
		return;
	p->limit_ms = ms < 0 ? 0 : ms > MAX_MS ? MAX_MS : ms;
	p->waits = true;
	p->timer = malloc(sizeof(*p->timer));
	if (!p->timer) {
		reply(r, id, NULL);
		pending_done(p);
		return;
	}
	uv_timer_init(r->o.loop, p->timer);
	p->timer->data = p;
	uv_timer_start(p->timer, on_timeout, (uint64_t)p->limit_ms, 0);
	settle(p, clock);
}
