/* What lies outside of the mount and is built into what is in it: whatever changes there counts for all. */
#include "core/base/path.h"
#include "core/outside.h"
#include "supervisor/engine_service.h"
#include "supervisor/engine_view.h"
#include "supervisor/outside_watch.h"
#include "supervisor/pattern.h"
#include <string.h>

#define HEARD_MS 100 /* after a change at the latest: outside_watch waits until it is over */

void outside_take(struct service *s, const struct change *c, bool writer_known)
{
	int64_t now = engine_wall_ms();
	struct reload *r;

	if (s->removed || pattern_match_any(&s->config->ignore, c->path))
		return;
	/* a build may write there */
	if (!writer_known && echo_take_one(s, c, build_or_start_overlaps(s, now - HEARD_MS, now)))
		return;
	plan_take_outside(&s->plan, c);
	timeline_judged(s->engine->o.timeline, s->name, c, PLAN_COUNTS);
	r = say_record(s);
	if (r)
		reload_add_cause(r, c);
}

void outside_react(struct engine *e)
{
	for (size_t k = 0; k < e->count; k++) {
		struct service *s = e->services[k];

		if (plan_is_stale(&s->plan) && !s->held_back && s->state != SERVICE_STOPPED && !e->paused)
			engine_post(s, EVENT_CHANGE);
	}
}

static void on_changed(const struct change *changes, size_t count, void *arg)
{
	struct engine *e = arg;

	engine_hold(e);
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF path = { 0 };
		struct change c = changes[i];

		if (outside_relative(e->o.mountpoint, c.path, &path) < 0)
			continue;
		c.path = buf_str(&path);
		for (size_t k = 0; k < e->count; k++)
			if (!e->services[k]->config->watch.count)
				outside_take(e->services[k], &c, false);
	}
	outside_react(e);
	engine_release(e);
}

static void say(struct engine *e)
{
	AUTO_BUF parent = { 0 };
	AUTO_BUF names = { 0 };

	for (size_t i = 0; i < e->outside.dirs.count; i++) {
		buf_puts(&names, i ? ", " : "");
		view_outside_name(e, i, &names);
	}
	if (outside_parent(&e->outside, e->o.source ? e->o.source : e->o.mountpoint, &parent) < 0)
		return;
	output_note(e->o.output, "outside of this tree, so that any change in it builds%s: %s. hrfs run --source %s sees what is read of it",
		    outside_watch_is_partial(e->outside_watch) ? " (not all of it can be watched)" : "", buf_str(&names),
		    buf_str(&parent));
}

void engine_look_outside(struct engine *e)
{
	struct outside found;

	if (!e->o.witness || outside_find(e->o.mountpoint, &found) < 0)
		return;
	if (strv_equal(&found.dirs, &e->outside.dirs)) {
		outside_done(&found);
		return;
	}
	engine_outside_done(e);
	e->outside = found;
	if (found.dirs.count && outside_watch_new(e->o.loop, &found.dirs, on_changed, e, &e->outside_watch) == 0 &&
	    !e->o.notes_to_rings)
		say(e);
}

void engine_outside_done(struct engine *e)
{
	outside_watch_free(take_ptr(e->outside_watch));
	outside_done(&e->outside);
}

static bool says_what_is_outside(const struct change *c)
{
	static const char *const names[] = { "go.mod", "go.work", "Cargo.toml", "package.json" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(path_base(c->path), names[i]) == 0)
			return true;
	return c->before.kind == STATE_SYMLINK || c->after.kind == STATE_SYMLINK;
}

void engine_look_outside_after(struct engine *e, const struct batch *b)
{
	bool any = b->truncated;

	for (size_t i = 0; i < b->count && !any; i++)
		any = says_what_is_outside(&b->changes[i]);
	if (any)
		engine_look_outside(e);
}
