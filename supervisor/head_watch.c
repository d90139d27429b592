#include "supervisor/head_watch.h"
#include "core/base/log.h"
#include <stdlib.h>

#define QUIET_MS 50 /* a commit writes several files */

struct head_watch {
	uv_timer_t timer;
	uv_fs_event_t *events; /* of each */
	struct strv dirs;
	size_t handles; /* not closed yet */
	void (*changed)(void *arg);
	void *arg;
};

static void on_closed(uv_handle_t *handle)
{
	struct head_watch *w = handle->data;

	if (--w->handles)
		return;
	strv_done(&w->dirs);
	free(w->events);
	free(w);
}

void head_watch_free(struct head_watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->dirs.count; i++)
		uv_close((uv_handle_t *)&w->events[i], on_closed);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

static void on_quiet(uv_timer_t *timer)
{
	struct head_watch *w = timer->data;

	w->changed(w->arg);
}

static void on_event(uv_fs_event_t *event, const char *name, int what, int status)
{
	struct head_watch *w = event->data;

	uv_timer_start(&w->timer, on_quiet, QUIET_MS, 0);
}

static struct head_watch *make(uv_loop_t *loop, const struct strv *dirs)
{
	struct head_watch *w = calloc(1, sizeof(*w));

	if (w)
		w->events = calloc(dirs->count, sizeof(*w->events));
	if (!w || !w->events || strv_add_all(&w->dirs, dirs) < 0) {
		if (w) {
			strv_done(&w->dirs);
			free(w->events);
		}
		free(w);
		return NULL;
	}
	uv_timer_init(loop, &w->timer);
	w->timer.data = w;
	w->handles = 1;
	for (size_t i = 0; i < dirs->count; i++) {
		int r = uv_fs_event_init(loop, &w->events[i]);

		w->events[i].data = w;
		w->handles++;
		if (r == 0)
			r = uv_fs_event_start(&w->events[i], on_event, dirs->items[i], 0);
		if (r < 0)
			log_warn("event=head_unwatched path=\"%s\" error=\"%s\"", dirs->items[i], uv_strerror(r));
	}
	return w;
}

void head_watch_set(struct head_watch **at, uv_loop_t *loop, const struct strv *dirs, void (*changed)(void *arg), void *arg)
{
	if (*at && strv_equal(&(*at)->dirs, dirs))
		return;
	head_watch_free(*at);
	*at = dirs->count ? make(loop, dirs) : NULL;
	if (!*at)
		return;
	(*at)->changed = changed;
	(*at)->arg = arg;
}
