/* hrfs-output: what the jobs have said, and what they say. */
#include "supervisor/engine.h"
#include "supervisor/output.h"
#include "supervisor/requests_private.h"
#include <string.h>

#define DEFAULT_LINES 100
#define MAX_LINES 10000

static json_t *line_object(const struct output_line *line)
{
	json_t *o = json_pack("{s:o,s:s,s:I}", "service", json_bytes(line->service), "stage",
			      output_stage_name(line->stage), "time_ms", (json_int_t)line->time_ms);

	if (o)
		json_set_bytes(o, "text", line->text);
	return o;
}

static void collect(const struct output_line *line, void *arg)
{
	json_array_append_new(arg, line_object(line));
}

static void send_line(const struct output_line *line, void *arg)
{
	struct pending *p = arg;

	link_reply(p->requests->o.link, p->id, json_pack("{s:[o]}", "lines", line_object(line)), true);
}

void output_take(struct requests *r, int64_t id, const json_t *arguments)
{
	const char *service = json_string_value(json_object_get(arguments, "service"));
	const json_t *count = json_object_get(arguments, "lines");
	bool follow = json_is_true(json_object_get(arguments, "follow"));
	int64_t lines = json_is_integer(count) ? json_integer_value(count) : DEFAULT_LINES;
	json_t *list = json_array();
	struct pending *p;

	if (service && !engine_find(r->o.engine, service)) {
		AUTO_BUF text = { 0 };

		json_decref(list);
		buf_printf(&text, "no service '%s' runs here", service);
		reply_error(r, id, buf_str(&text));
		return;
	}
	if (lines > MAX_LINES)
		lines = MAX_LINES;
	if (list && lines > 0)
		output_lines(r->o.output, service, (size_t)lines, collect, list);
	if (!follow) {
		reply(r, id, json_pack("{s:o}", "lines", list));
		return;
	}
	p = pending_new(r, id);
	if (!p) {
		json_decref(list);
		return;
	}
	link_reply(r->o.link, id, json_pack("{s:o}", "lines", list), true);
	p->watch = output_watch(r->o.output, service, send_line, p);
	if (p->watch)
		return;
	reply(r, id, NULL);
	pending_done(p);
}
