#include "supervisor/engine_view.h"
#include "supervisor/engine_service.h"
#include <string.h>

const char *view_name(const struct service *s)
{
	return s->name;
}

bool view_is_ok(const struct service *s)
{
	if (s->held_back)
		return false;
	if (s->state == SERVICE_READY)
		return true;
	return s->state == SERVICE_FINISHED && s->code == 0;
}

/* ---- the one line ---- */

static void put_serving(const struct service *s, struct buf *out)
{
	const struct generation *g = s->current;

	if (!g || !g->up_ms)
		return;
	buf_puts(out, "serving the code of ");
	say_clock(g->code_ms, out);
}

static void put_waiting(const struct service *s, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < s->config->after.count; i++) {
		const struct service *dep = engine_find(s->engine, s->config->after.items[i]);

		if (!dep || view_is_ok(dep))
			continue;
		buf_printf(out, "%s%s", first ? "waits for " : ", ", dep->name);
		first = false;
	}
	if (first)
		buf_puts(out, "waits");
}

static void put_starting(const struct service *s, struct buf *out)
{
	const struct generation *g = s->newcomer ? s->newcomer : s->current;

	if (!g || !g->job || !g->ready) {
		buf_puts(out, service_state_word(s->state));
		return;
	}
	buf_printf(out, "started %lld s ago, ready when ", (long long)(engine_now_ms() - g->start_ms) / 1000);
	ready_when(g->ready, out);
}

static void put_state(const struct service *s, struct buf *out)
{
	const struct generation *g = s->current;

	switch (s->state) {
	case SERVICE_READY:
		if (g && g->ready_by)
			buf_puts(out, g->ready_by);
		break;
	case SERVICE_OLD:
	case SERVICE_UNREADY:
	case SERVICE_FAILED:
		buf_puts(out, s->trouble ? s->trouble : "failed");
		break;
	case SERVICE_FINISHED:
		if (s->config->run.argv.count)
			buf_printf(out, "%s; waits for the next change",
				   s->trouble	 ? s->trouble
				   : s->end_text ? s->end_text
						 : "ended");
		else
			buf_puts(out, "built");
		break;
	case SERVICE_BACKOFF:
		buf_printf(out, "crashed: %s; starts again in %.3g s", s->trouble ? s->trouble : "",
			   (double)s->backoff_ms / 1000);
		break;
	case SERVICE_STARTING:
	case SERVICE_OVERLAPPING:
		put_starting(s, out);
		break;
	case SERVICE_WAITING:
	case SERVICE_REWAITING:
		put_waiting(s, out);
		break;
	default:
		buf_puts(out, service_state_word(s->state));
		break;
	}
}

void view_summary(const struct service *s, struct buf *out)
{
	size_t len;

	put_serving(s, out);
	len = out->len;
	if (len)
		buf_puts(out, "; ");
	put_state(s, out);
	if (len && out->len == len + 2)
		buf_truncate(out, len);
	if (s->current && s->current->reloads_itself)
		buf_puts(out, "; reloads itself");
	if (s->held_back)
		buf_printf(out, "; not built again for %s", s->held_back);
	if (s->check.result && !s->check.ok)
		buf_printf(out, "; %s", s->check.result);
	if (s->engine->paused)
		buf_puts(out, plan_is_stale(&s->plan) ? "; paused, changes wait" : "; paused");
}

/* ---- JSON ---- */

static json_t *text_of(const char *text)
{
	return text ? json_bytes(text) : json_null();
}

/* what wait and status print when it is not well: the compiler's text, else the one line */
static json_t *error_of(const struct service *s)
{
	switch (s->state) {
	case SERVICE_OLD:
	case SERVICE_UNREADY:
	case SERVICE_FAILED:
	case SERVICE_BACKOFF:
		break;
	case SERVICE_FINISHED:
		if (s->code > 0)
			break;
		return json_null();
	default:
		return json_null();
	}
	return text_of(s->trouble_text ? s->trouble_text : s->trouble);
}

static json_t *listen_of(const struct service *s)
{
	json_t *list = json_array();

	for (size_t i = 0; s->held && i < sockets_count(s->held->sockets); i++)
		json_array_append_new(list, json_bytes(sockets_address(s->held->sockets, i)));
	return list;
}

const struct plan_reads *view_reads(const struct service *s, enum plan_stage stage)
{
	const struct config_service *c = s->config;
	bool there = stage == PLAN_BUILD ? c->build.argv.count
		     : stage == PLAN_RUN ? c->run.argv.count
					 : c->check.argv.count;

	return there ? &s->plan.reads[stage] : NULL;
}

void view_readers(const struct service *s, const char *path, struct buf *out)
{
	for (int i = 0; i < PLAN_STAGES; i++) {
		unsigned how = readset_how(&s->plan.reads[i].set, path);

		if (how)
			buf_printf(out, "%s%s by %s/%s", out->len ? ", " : "", read_how_text(how), s->name,
				   plan_stage_name((enum plan_stage)i));
	}
}

void view_outside_name(const struct engine *e, size_t i, struct buf *out)
{
	AUTO_BUF path = { 0 };

	outside_relative(e->o.mountpoint, e->outside.dirs.items[i], &path);
	timeline_put_name(out, buf_str(&path));
	buf_puts(out, " (");
	timeline_put_name(out, e->outside.whys.items[i]);
	buf_puts(out, ")");
}

void view_outside(const struct service *s, struct buf *out)
{
	const struct outside *o = &s->engine->outside;

	for (size_t i = 0; i < o->dirs.count; i++) {
		buf_puts(out, i ? "" : "outside of the tree, where any change counts:\n");
		buf_puts(out, "  ");
		view_outside_name(s->engine, i, out);
		buf_puts(out, "\n");
	}
}

static json_t *list_of(const struct strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->count; i++)
		json_array_append_new(list, json_bytes(v->items[i]));
	return list;
}

json_t *view_service(const struct service *s)
{
	const struct generation *g = s->current;
	pid_t pid = g && g->job && job_process(g->job) ? process_pid(job_process(g->job)) : 0;
	AUTO_BUF summary = { 0 };

	view_summary(s, &summary);
	return json_pack("{s:s,s:s,s:b,s:i,s:i,s:I,s:o,s:o,s:o,s:o,s:s,s:i,s:i,s:o}", "name", s->name, "state",
			 service_state_word(s->state), "ok", (int)view_is_ok(s), "generation", g ? (int)g->number : 0,
			 "pid", (int)pid, "serving_since_ms", (json_int_t)(g && g->up_ms ? g->up_wall_ms : 0),
			 "summary", json_bytes(buf_str(&summary)), "error", error_of(s), "listen", listen_of(s),
			 "ready_by", text_of(g && g->up_ms ? g->ready_by : NULL), "witness", reads_how_word(s->witness), "reloads",
			 (int)s->reloads, "avoided", (int)s->avoided, "avoided_for", list_of(&s->avoided_for));
}

json_t *view_state(const struct state *s)
{
	static const char *const kinds[] = { "unknown", "absent", "file", "dir", "symlink", "other" };
	char hash[HASH_TEXT_SIZE];

	return json_pack("{s:s,s:i,s:s?}", "kind", s->kind < ARRAY_SIZE(kinds) ? kinds[s->kind] : "unknown", "exec",
			 (int)s->exec, "hash", s->hashed ? hash_text(&s->content, hash) : NULL);
}

static json_t *view_cause(const struct reload_cause *c)
{
	json_t *writer =
		json_pack("{s:i,s:o,s:s,s:b}", "pid", (int)c->writer.pid, "command", json_bytes(c->writer.command),
			  "job", c->writer.job, "appended", (int)c->writer.appended);
	json_t *o = json_pack("{s:o,s:o,s:I,s:o}", "before", view_state(&c->before), "after", view_state(&c->after),
			      "tick", (json_int_t)c->tick, "writer", writer);

	if (o)
		json_set_bytes(o, "name", c->path);
	return o;
}

json_t *view_reload(const struct reload *r)
{
	json_t *causes = json_array(), *stages = json_array();

	for (size_t i = 0; i < r->cause_count && i < RELOAD_CAUSES; i++)
		json_array_append_new(causes, view_cause(&r->causes[i]));
	for (int i = 0; i < RELOAD_STAGES; i++) {
		if (r->ms[i] >= 0)
			json_array_append_new(stages,
					      json_pack("{s:s,s:I}", "name", reload_stage_name((enum reload_stage)i),
							"ms", (json_int_t)r->ms[i]));
	}
	return json_pack("{s:I,s:s,s:i,s:I,s:o,s:I,s:s,s:o,s:o,s:o,s:b,s:b}", "number", (json_int_t)r->number,
			 "service", r->service, "generation", (int)r->generation, "time_ms", (json_int_t)r->time_ms,
			 "cause", causes, "cause_count", (json_int_t)r->cause_count, "decision", r->decision, "reason",
			 text_of(r->reason), "result", text_of(r->result), "stages", stages, "ok", (int)r->ok,
			 "under_way", (int)!r->result);
}
