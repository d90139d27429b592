#include "supervisor/output_private.h"
#include <string.h>

struct output_watch {
	struct output *output;
	struct output_watch *next;
	char *service;						 /* NULL: of all */
	const struct output_stream *stream;			 /* NULL: of all of the service's */
	void (*each)(const struct output_line *line, void *arg); /* NULL: removed while watchers are called */
	void *arg;
};

static void watch_free(struct output_watch *w)
{
	free(w->service);
	free(w);
}

static struct output_watch *watch_new(struct output *o, const char *service, const struct output_stream *stream,
				      void (*each)(const struct output_line *line, void *arg), void *arg)
{
	struct output_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct output_watch){ .output = o, .stream = stream, .each = each, .arg = arg };
	if (service) {
		w->service = strdup(service);
		if (!w->service) {
			free(w);
			return NULL;
		}
	}
	w->next = o->watches;
	o->watches = w;
	return w;
}

struct output_watch *output_watch(struct output *o, const char *service,
				  void (*each)(const struct output_line *line, void *arg), void *arg)
{
	return watch_new(o, service, NULL, each, arg);
}

struct output_watch *output_watch_stream(struct output_stream *s,
					 void (*each)(const struct output_line *line, void *arg), void *arg)
{
	return watch_new(s->output, NULL, s, each, arg);
}

/* frees what was removed, unless somebody still walks over the list */
static void tidy(struct output *o)
{
	struct output_watch **link = &o->watches;

	while (!o->walking && *link) {
		struct output_watch *w = *link;

		if (w->each) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		watch_free(w);
	}
}

void output_unwatch(struct output_watch *w)
{
	if (!w)
		return;
	w->each = NULL;
	tidy(w->output);
}

void output_tell(struct output *o, const struct output_stream *s, const struct output_line *line)
{
	o->walking++;
	for (struct output_watch *w = o->watches; w; w = w->next)
		if (w->each && (!w->stream || w->stream == s) && (!w->service || strcmp(w->service, s->service) == 0))
			w->each(line, w->arg);
	o->walking--;
	tidy(o);
}

void output_watches_done(struct output *o)
{
	for (struct output_watch *w = o->watches; w; w = w->next)
		w->each = NULL;
	tidy(o);
}
