/* hrfs-why: what the last reload came from, or why a change of a path caused none. */
#include "core/base/path.h"
#include "supervisor/engine_view.h"
#include "supervisor/requests_private.h"
#include "supervisor/timeline.h"
#include <string.h>
#include <time.h>

#define SHOWN_RELOADS 20 /* in JSON */

static void put_time(struct buf *out, int64_t ms)
{
	time_t then = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	localtime_r(&then, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	buf_puts(out, text);
}

static const char *verb_of(const struct reload_cause *c)
{
	if (c->before.kind == STATE_ABSENT)
		return "made";
	if (c->after.kind == STATE_ABSENT)
		return "removed";
	if (c->before.kind == STATE_FILE && c->after.kind == STATE_FILE && c->before.exec != c->after.exec)
		return "its executable bits or content changed";
	if (c->before.kind == STATE_DIR && c->after.kind == STATE_DIR)
		return "its names changed";
	return c->writer.appended ? "appended to" : "changed";
}

static void put_hash(struct buf *out, const struct state *s)
{
	char text[STATE_TEXT_SIZE];

	/* enough of it to tell two apart */
	buf_printf(out, "%.13s", state_text(s, text));
}

/* what it was and is, and which job has read it */
static void put_states(struct buf *out, const struct reload *r, const struct engine *e, const struct reload_cause *c)
{
	const struct service *s = engine_find(e, r->service);
	AUTO_BUF readers = { 0 };

	buf_puts(out, "    ");
	put_hash(out, &c->before);
	buf_puts(out, " \xe2\x86\x92 ");
	put_hash(out, &c->after);
	if (s)
		view_readers(s, c->path, &readers);
	if (readers.len)
		buf_printf(out, "; %s", readers.data);
	buf_putc(out, '\n');
}

static void put_causes(struct buf *out, const struct reload *r, const struct engine *e)
{
	for (size_t i = 0; i < r->cause_count && i < RELOAD_CAUSES; i++) {
		const struct reload_cause *c = &r->causes[i];

		buf_puts(out, "  ");
		timeline_put_name(out, *c->path ? c->path : ".");
		buf_printf(out, ": %s", verb_of(c));
		if (c->writer.command[0]) {
			buf_puts(out, " by ");
			timeline_put_name(out, c->writer.command);
			if (c->writer.pid)
				buf_printf(out, " (pid %d)", (int)c->writer.pid);
		}
		if (c->writer.job[0])
			buf_printf(out, ", of job %s", c->writer.job);
		buf_putc(out, '\n');
		put_states(out, r, e, c);
	}
	if (r->cause_count > RELOAD_CAUSES)
		buf_printf(out, "  and %zu more\n", r->cause_count - RELOAD_CAUSES);
}

static const char *decision_text(const struct reload *r)
{
	static const char *const texts[][2] = {
		{ "start", "started" },
		{ "restart", "ended, then started anew" },
		{ "overlap", "started anew beside the old one, on the same sockets" },
		{ "signal", "told by a signal" },
		{ "exec", "told by a command" },
		{ "build", "built, not restarted" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (strcmp(r->decision, texts[i][0]) == 0)
			return texts[i][1];
	}
	return "nothing was started";
}

static void put_reload(struct buf *out, const struct reload *r, const struct engine *e)
{
	const char *between = "  ";

	buf_printf(out, "reload %llu of %s at ", (unsigned long long)r->number, r->service);
	put_time(out, r->time_ms);
	buf_printf(out, ": %s\n", r->result ? decision_text(r) : "under way");
	if (r->reason)
		buf_printf(out, "  %s\n", r->reason);
	put_causes(out, r, e);
	for (int i = 0; i < RELOAD_STAGES; i++) {
		if (r->ms[i] < 0)
			continue;
		buf_printf(out, "%s%s %lld ms", between, reload_stage_name((enum reload_stage)i), (long long)r->ms[i]);
		between = ", ";
	}
	if (*between == ',')
		buf_putc(out, '\n');
	if (r->result)
		buf_printf(out, "  %s%s%s\n", r->ok ? "good" : "failed", *r->result ? ": " : "", r->result);
}

/* ---- a path ---- */

struct verdicts {
	struct requests *requests;
	const char *path;
	struct buf *out;
	struct strv seen; /* services that have had their newest one */
	json_t *reloads;
};

static const struct reload *reload_with(const struct timeline *t, const char *service, const char *path)
{
	const struct reload *r = timeline_newest(t, service, 0);

	for (; r; r = timeline_newest(t, service, r->number)) {
		for (size_t i = 0; i < r->cause_count && i < RELOAD_CAUSES; i++) {
			if (strcmp(r->causes[i].path, path) == 0)
				return r;
		}
	}
	return NULL;
}

static bool put_verdict(const struct path_verdict *v, void *arg)
{
	struct verdicts *all = arg;
	const struct reload *r;

	if (strv_has(&all->seen, v->service))
		return true;
	strv_add(&all->seen, v->service);
	timeline_put_name(all->out, v->path);
	buf_puts(all->out, " at ");
	put_time(all->out, v->time_ms);
	if (v->command[0]) {
		buf_puts(all->out, ", by ");
		timeline_put_name(all->out, v->command);
	}
	if (v->reason != PLAN_COUNTS) {
		buf_printf(all->out, ": no reload of %s: %s\n", v->service, plan_reason_text(v->reason));
		return true;
	}
	buf_printf(all->out, ": counts for %s\n", v->service);
	r = reload_with(all->requests->o.timeline, v->service, v->path);
	if (!r)
		return true;
	put_reload(all->out, r, all->requests->o.engine);
	json_array_append_new(all->reloads, view_reload(r));
	return true;
}

static void why_path(struct requests *r, const char *path, struct buf *out, json_t *reloads)
{
	struct verdicts all = { .requests = r, .out = out, .reloads = reloads };
	size_t len = strlen(r->o.mountpoint);

	if (strncmp(path, r->o.mountpoint, len) == 0 && path[len] == '/')
		path += len + 1;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	all.path = path;
	timeline_each_verdict(r->o.timeline, path, put_verdict, &all);
	if (!all.seen.count) {
		timeline_put_name(out, path);
		buf_puts(out, ": no change of it has settled since the services were started\n");
	}
	strv_done(&all.seen);
}

/* ---- a service, a number, or the last one ---- */

static void why_reload(struct requests *r, const char *service, struct buf *out, json_t *reloads)
{
	const struct reload *one = timeline_newest(r->o.timeline, service, 0);

	if (!one)
		buf_puts(out, "there has been no reload yet\n");
	else
		put_reload(out, one, r->o.engine);
	for (int i = 0; one && i < SHOWN_RELOADS; i++) {
		json_array_append_new(reloads, view_reload(one));
		one = timeline_newest(r->o.timeline, service, one->number);
	}
}

static bool why_number(struct requests *r, int64_t number, struct buf *out, json_t *reloads)
{
	const struct reload *one = number > 0 ? timeline_find(r->o.timeline, (uint64_t)number) : NULL;

	if (!one)
		return false;
	put_reload(out, one, r->o.engine);
	json_array_append_new(reloads, view_reload(one));
	return true;
}

void why_take(struct requests *r, int64_t id, const json_t *arguments)
{
	AUTO_FREE char *path = json_get_bytes(arguments, "path");
	const char *service = json_string_value(json_object_get(arguments, "service"));
	const json_t *number = json_object_get(arguments, "number");
	json_t *reloads = json_array();
	AUTO_BUF text = { 0 };

	if (service && !engine_find(r->o.engine, service)) {
		buf_printf(&text, "no service '%s' runs here", service);
		reply_error(r, id, buf_str(&text));
		json_decref(reloads);
		return;
	}
	if (json_is_integer(number)) {
		if (!why_number(r, json_integer_value(number), &text, reloads)) {
			reply_error(r, id, "there is no reload of that number, or it is forgotten");
			json_decref(reloads);
			return;
		}
	} else if (path) {
		why_path(r, path, &text, reloads);
	} else {
		why_reload(r, service, &text, reloads);
	}
	reply(r, id, json_pack("{s:o,s:o}", "text", json_bytes(buf_str(&text)), "reloads", reloads));
}
