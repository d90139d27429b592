#include "supervisor/engine_service.h"
#include "supervisor/failure.h"
#include <string.h>
#include <time.h>

/* ---- the record that is under way ---- */

struct reload *say_record(struct service *s)
{
	struct timeline *t = s->engine->o.timeline;
	struct reload *r = s->reload ? timeline_open(t, s->reload) : NULL;

	if (r)
		return r;
	r = timeline_begin(t, s->name);
	s->reload = r ? r->number : 0;
	return r;
}

void say_record_reason(struct service *s, const char *reason)
{
	struct reload *r = say_record(s);

	if (r)
		reload_set_reason(r, "%s", reason);
}

void say_stage(struct service *s, enum reload_stage stage, int64_t ms)
{
	struct reload *r = s->reload ? timeline_open(s->engine->o.timeline, s->reload) : NULL;

	if (r)
		r->ms[stage] = ms;
}

/* ---- what is wrong ---- */

static void set(char **place, char *text)
{
	free(*place);
	*place = text;
}

void say_trouble(struct service *s, const char *format, ...)
{
	AUTO_BUF text = { 0 };
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	set(&s->trouble, buf_take(&text));
}

void say_trouble_text(struct service *s, char *text)
{
	set(&s->trouble_text, text);
}

void say_no_trouble(struct service *s)
{
	set(&s->trouble, NULL);
	set(&s->trouble_text, NULL);
}

/* ---- lines ---- */

void say_clock(int64_t wall_ms, struct buf *out)
{
	time_t then = (time_t)(wall_ms / 1000), now = time(NULL);
	struct tm a, b;
	char text[32];

	localtime_r(&then, &a);
	localtime_r(&now, &b);
	strftime(text, sizeof(text), a.tm_yday == b.tm_yday && a.tm_year == b.tm_year ? "%H:%M" : "%Y-%m-%d %H:%M", &a);
	buf_puts(out, text);
}

/* to the terminal; without one into the ring, so that hrfs log has it */
static void put_line(struct service *s, const char *text)
{
	struct engine *e = s->engine;
	struct output_stream *ring;

	if (!e->o.notes_to_rings) {
		output_note(e->o.output, "%s: %s", s->name, text);
		return;
	}
	ring = output_stream(e->o.output, s->name, OUTPUT_RELOAD);
	if (!ring)
		return;
	output_feed(ring, text, strlen(text), false);
	output_feed(ring, "\n", 1, false);
}

void say_note(struct service *s, const char *format, ...)
{
	AUTO_BUF text = { 0 };
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	put_line(s, buf_str(&text));
}

void say_begin(struct service *s)
{
	struct reload *r = say_record(s);
	AUTO_BUF causes = { 0 };

	if (r && r->cause_count)
		reload_causes_text(r, &causes);
	else if (r && r->reason)
		buf_puts(&causes, r->reason);
	say_note(s, "building: %s", buf_str(&causes));
}

void say_end(struct service *s, bool ok, const char *word, const char *format, ...)
{
	struct reload *r = s->reload ? timeline_open(s->engine->o.timeline, s->reload) : NULL;
	AUTO_BUF line = { 0 };
	AUTO_BUF text = { 0 };
	va_list args;

	if (format) {
		va_start(args, format);
		buf_vprintf(&text, format, args);
		va_end(args);
	}
	if (r) {
		r->generation = s->current ? s->current->number : 0;
		reload_finish(r, ok, "%s", buf_str(&text));
	}
	s->reload = 0;
	if (!word)
		return;
	buf_printf(&line, "%s: ", word);
	if (r)
		reload_line(r, &line);
	if (text.len)
		buf_printf(&line, "%s%s", r ? "; " : "", text.data);
	put_line(s, buf_str(&line));
}

/* ---- how a generation ended ---- */

static bool says_in_use(const char *text)
{
	return strcasestr(text, "address already in use") || strcasestr(text, "EADDRINUSE") ||
	       strcasestr(text, "address in use");
}

/* The program tried to bind what hrfs holds for it. What it prints on a terminal of its own is not seen: perhaps it did. */
static void say_port_is_held(struct service *s, const struct generation *g)
{
	AUTO_BUF perhaps = { 0 };

	if (g->in_terminal)
		buf_printf(&perhaps, "it %s before it was ready; if ", s->end_text);
	say_trouble(
		s,
		"%sit could not bind its port: hrfs holds %s and passes it on as descriptor 3 (LISTEN_FDS), which it does not "
		"take; replace 'listen:' by 'port: %d' for a program that binds by itself",
		buf_str(&perhaps), sockets_address(g->held->sockets, 0), sockets_port(g->held->sockets));
}

/* of one that is expected to listen: any other may be a command that ends, as tests do */
static const char *before_ready(const struct generation *g)
{
	bool server = g->held || g->config->port ||
		      (g->config->ready.kind != CONFIG_READY_DEFAULT && g->config->ready.kind != CONFIG_READY_EXIT);

	return server && !g->up_ms ? " before it was ready" : "";
}

void say_run_ended(struct service *s, struct generation *g)
{
	struct output_stream *stream = output_stream(s->engine->o.output, s->name, OUTPUT_RUN);
	bool good = !g->could_not && !g->status.signalled && !g->status.code;
	AUTO_BUF status = { 0 };
	AUTO_BUF text = { 0 };
	AUTO_BUF line = { 0 };

	process_status_text(g->status, &status);
	set(&s->end_text, buf_take(&status));
	if (g->asked || (good && g->place == PLACE_CURRENT)) {
		if (!g->asked)
			say_no_trouble(s);
		return;
	}
	if (stream && !g->could_not && !g->in_terminal)
		output_text(stream, g->output_mark, ENGINE_TEXT_MAX, &text);
	if (g->could_not)
		say_trouble(s, "it cannot be started: %s", g->could_not);
	else if (!g->up_ms && g->held && sockets_port(g->held->sockets) &&
		 (says_in_use(buf_str(&text)) || (g->in_terminal && !g->status.signalled && !g->held->taken)))
		say_port_is_held(s, g);
	else if (failure_line(buf_str(&text), &line) == 0)
		say_trouble(s, "it %s%s: %s", s->end_text, before_ready(g), line.data);
	else
		say_trouble(s, "it %s%s", s->end_text, before_ready(g));
	if (g->in_terminal && !g->could_not)
		buf_puts(&text, "what it printed is on the terminal of hrfs run");
	say_trouble_text(s, text.len ? buf_take(&text) : NULL);
}

/* ---- what became of a step ---- */

static void say_ready(struct service *s)
{
	s->run_is_newest = true;
	s->reloads += s->current && s->current->number > 1;
	say_no_trouble(s);
	s->code = -1;
	say_end(s, true, "ready", "%s", s->current && s->current->ready_by ? s->current->ready_by : "");
	self_reloads(s);
}

static void say_failed(struct service *s)
{
	AUTO_BUF old = { 0 };

	if (s->current && s->current->up_ms)
		say_clock(s->current->code_ms, &old);
	say_end(s, false, "failed", "%s%s%s", s->trouble ? s->trouble : "", old.len ? "; serving the code of " : "",
		buf_str(&old));
}

static void say_kept(struct service *s)
{
	bool built = s->config->build.argv.count;

	say_no_trouble(s);
	if (!s->current) {
		s->code = 0;
		say_end(s, true, "finished", "%s", "built");
	} else if (s->build.unchanged) {
		s->avoided++;
		say_end(s, true, "kept", "%s", "nothing that it has read has changed");
	} else {
		/* without a build nothing was done: that need not be said at each save */
		say_end(s, true, built ? "kept" : NULL, "%s", "it takes in changes itself");
	}
}

static void say_finished(struct service *s)
{
	if (s->trouble && s->code >= 126 && s->code <= 127)
		say_end(s, false, "failed", "%s", s->trouble);
	else if (s->trouble)
		say_end(s, false, "finished", "%s; waits for the next change", s->trouble);
	else
		say_end(s, true, "finished", "%s; waits for the next change", s->end_text ? s->end_text : "");
}

static void say_ended(struct service *s, enum service_state was)
{
	switch (s->state) {
	case SERVICE_FINISHED:
		say_finished(s);
		break;
	case SERVICE_BACKOFF:
		say_note(s, "crashed: %s; starts again in %.3g s", s->trouble ? s->trouble : "",
			 (double)s->backoff_ms / 1000);
		break;
	case SERVICE_FAILED:
		say_note(s, "failed: the code that still served has ended too: %s; waits for the next change",
			 s->end_text ? s->end_text : "");
		break;
	case SERVICE_WAITING:
	case SERVICE_BUILDING:
		say_note(s, "ended while its new code is built: it %s", s->end_text ? s->end_text : "ended");
		break;
	default:
		break;
	}
}

void say_outcome(struct service *s, enum service_state was, enum service_event event)
{
	switch (event) {
	case EVENT_UP:
		if (s->state == SERVICE_READY)
			say_ready(s);
		break;
	case EVENT_RELOADED:
	case EVENT_REVERTED:
		if (s->state == SERVICE_READY && was != SERVICE_READY) {
			say_no_trouble(s);
			say_end(s, true, "ready", "%s",
				event == EVENT_RELOADED ? "it took in the new code"
							: "all is again as in the code that serves");
		}
		break;
	case EVENT_BUILT_KEEP:
		say_kept(s);
		break;
	case EVENT_BUILD_FAILED:
	case EVENT_NEW_ENDED:
	case EVENT_RELOAD_FAILED:
	case EVENT_TIMEOUT:
		if (s->state == SERVICE_OLD || s->state == SERVICE_FAILED || s->state == SERVICE_UNREADY)
			say_failed(s);
		break;
	case EVENT_ENDED:
	case EVENT_CRASHED:
		say_ended(s, was);
		break;
	default:
		break;
	}
}
