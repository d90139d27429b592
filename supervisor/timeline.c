#include "supervisor/timeline.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct timeline *timeline_new(void)
{
	return calloc(1, sizeof(struct timeline));
}

static void reload_free(struct reload *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < RELOAD_CAUSES; i++)
		free(r->causes[i].path);
	free(r->service);
	free(r->reason);
	free(r->result);
	free(r);
}

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < TIMELINE_RELOADS; i++)
		reload_free(t->reloads[i]);
	for (size_t i = 0; i < TIMELINE_PATHS; i++) {
		free(t->paths[i].path);
		free(t->paths[i].service);
	}
	free(t);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct reload *timeline_begin(struct timeline *t, const char *service)
{
	struct reload **place = &t->reloads[t->reload_count % TIMELINE_RELOADS];
	struct reload *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->service = strdup(service);
	if (!r->service) {
		free(r);
		return NULL;
	}
	r->number = ++t->reload_count;
	r->time_ms = now_ms();
	r->decision = "none";
	for (int i = 0; i < RELOAD_STAGES; i++)
		r->ms[i] = -1;
	reload_free(*place);
	*place = r;
	return r;
}

void reload_add_cause(struct reload *r, const struct change *c)
{
	struct reload_cause *cause;

	for (size_t i = 0; i < r->cause_count && i < RELOAD_CAUSES; i++) {
		if (strcmp(r->causes[i].path, c->path) == 0) {
			r->causes[i].after = c->after;
			r->causes[i].writer = c->writer;
			r->causes[i].tick = c->tick;
			return;
		}
	}
	if (r->cause_count >= RELOAD_CAUSES) {
		r->cause_count++;
		return;
	}
	cause = &r->causes[r->cause_count];
	cause->path = strdup(c->path);
	if (!cause->path)
		return;
	cause->before = c->before;
	cause->after = c->after;
	cause->writer = c->writer;
	cause->tick = c->tick;
	r->cause_count++;
}

static void set_text(char **place, const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		return;
	free(*place);
	*place = text;
}

void reload_set_reason(struct reload *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_text(&r->reason, format, args);
	va_end(args);
}

void reload_finish(struct reload *r, bool ok, const char *format, ...)
{
	va_list args;

	r->ok = ok;
	va_start(args, format);
	set_text(&r->result, format, args);
	va_end(args);
}

const char *reload_stage_name(enum reload_stage stage)
{
	static const char *const names[] = { [STAGE_SETTLE] = "settle", [STAGE_WAIT] = "wait",
					     [STAGE_BUILD] = "build",	[STAGE_STOP] = "stop",
					     [STAGE_START] = "start",	[STAGE_RUN] = "run" };

	return names[stage];
}

const struct reload *timeline_find(const struct timeline *t, uint64_t number)
{
	if (!number || number > t->reload_count || number + TIMELINE_RELOADS <= t->reload_count)
		return NULL;
	return t->reloads[(number - 1) % TIMELINE_RELOADS];
}

struct reload *timeline_open(struct timeline *t, uint64_t number)
{
	return (struct reload *)timeline_find(t, number);
}

const struct reload *timeline_newest(const struct timeline *t, const char *service, uint64_t before)
{
	uint64_t number = before ? before - 1 : t->reload_count;

	for (; number; number--) {
		const struct reload *r = timeline_find(t, number);

		if (!r)
			return NULL;
		if (!service || strcmp(r->service, service) == 0)
			return r;
	}
	return NULL;
}

void timeline_judged(struct timeline *t, const char *service, const struct change *c,
		     enum plan_reason reason)
{
	struct path_verdict *v = &t->paths[t->path_count++ % TIMELINE_PATHS];

	free(v->path);
	free(v->service);
	v->path = strdup(c->path);
	v->service = strdup(service);
	memcpy(v->command, c->writer.command, sizeof(v->command));
	v->command[sizeof(v->command) - 1] = '\0';
	v->time_ms = now_ms();
	v->reason = reason;
}

void timeline_each_verdict(const struct timeline *t, const char *path,
			   bool (*each)(const struct path_verdict *v, void *arg), void *arg)
{
	uint64_t oldest = t->path_count > TIMELINE_PATHS ? t->path_count - TIMELINE_PATHS : 0;

	for (uint64_t i = t->path_count; i > oldest; i--) {
		const struct path_verdict *v = &t->paths[(i - 1) % TIMELINE_PATHS];

		if (v->path && v->service && strcmp(v->path, path) == 0 && !each(v, arg))
			return;
	}
}

/* names may hold anything; a line of ours stays one line, and moves no cursor */
int timeline_put_name(struct buf *out, const char *name)
{
	int r = 0;

	for (; r == 0 && *name; name++)
		r = buf_putc(out, iscntrl((unsigned char)*name) ? '?' : *name);
	return r;
}

int reload_causes_text(const struct reload *r, struct buf *out)
{
	size_t named = r->cause_count < 2 ? r->cause_count : 2;
	int e = 0;

	for (size_t i = 0; e == 0 && i < named; i++) {
		if (i)
			e = buf_puts(out, ", ");
		if (e == 0)
			e = timeline_put_name(out, *r->causes[i].path ? r->causes[i].path : ".");
	}
	if (e == 0 && r->cause_count > named)
		e = buf_printf(out, " and %zu more", r->cause_count - named);
	if (e == 0 && r->cause_count && r->causes[0].writer.command[0]) {
		e = buf_puts(out, " (");
		if (e == 0)
			e = timeline_put_name(out, r->causes[0].writer.command);
		if (e == 0)
			e = buf_putc(out, ')');
	}
	return e;
}

int reload_line(const struct reload *r, struct buf *out)
{
	const char *between = " \xe2\x86\x92 ";
	int e = r->cause_count ? reload_causes_text(r, out) : buf_puts(out, r->reason ? r->reason : "");

	for (int i = 0; e == 0 && i < RELOAD_STAGES; i++) {
		if (r->ms[i] < 0)
			continue;
		e = buf_printf(out, "%s%s %lld ms", between, reload_stage_name((enum reload_stage)i),
			       (long long)r->ms[i]);
		between = ", ";
	}
	return e;
}
