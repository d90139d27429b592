#include "supervisor/engine_service.h"
#include "supervisor/terminal.h"
#include <errno.h>
#include <string.h>

struct held *held_ref(struct held *h)
{
	if (h)
		h->refs++;
	return h;
}

void held_unref(struct held *h)
{
	if (!h || --h->refs)
		return;
	sockets_free(h->sockets);
	free(h);
}

/* ---- one service ---- */

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static uv_timer_t *new_timer(struct service *s)
{
	uv_timer_t *timer = malloc(sizeof(*timer));

	if (!timer)
		return NULL;
	uv_timer_init(s->engine->o.loop, timer);
	timer->data = s;
	return timer;
}

struct service *service_new(struct engine *e, struct settings *settings, const struct config_service *config)
{
	struct service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->engine = e;
	s->code = -1;
	s->settings = settings_ref(settings);
	s->config = config;
	plan_init(&s->plan, config);
	s->name = strdup(config->name);
	s->timer = new_timer(s);
	s->drain_timer = new_timer(s);
	s->keep_timer = new_timer(s);
	if (!s->name || !s->timer || !s->drain_timer || !s->keep_timer) {
		service_free(s);
		return NULL;
	}
	return s;
}

void service_free(struct service *s)
{
	if (s->timer)
		uv_close((uv_handle_t *)s->timer, on_closed);
	if (s->drain_timer)
		uv_close((uv_handle_t *)s->drain_timer, on_closed);
	if (s->keep_timer)
		uv_close((uv_handle_t *)s->keep_timer, on_closed);
	plan_done(&s->plan);
	echo_done(s);
	cycle_done(s);
	outputs_done(s);
	strv_done(&s->avoided_for);
	build_forget(s);
	free(s->build.could_not);
	side_done(&s->check);
	side_done(&s->exec);
	held_unref(s->held);
	settings_unref(s->settings);
	free(s->name);
	free(s->trouble);
	free(s->trouble_text);
	free(s->end_text);
	free(s);
}

void service_configure(struct service *s, struct settings *settings, const struct config_service *config)
{
	struct settings *old = s->settings;

	s->settings = settings_ref(settings);
	s->config = config;
	plan_configure(&s->plan, config);
	settings_unref(old);
}

/* ---- all of them ---- */

/* the names that are wanted, with everything that these are after */
static int close_over(const struct config *config, const struct strv *only, struct strv *wanted, struct buf *error)
{
	for (size_t i = 0; i < only->count; i++) {
		if (!config_find(config, only->items[i])) {
			buf_printf(error, "there is no service '%s' in %s", only->items[i], CONFIG_FILE_NAME);
			return -ENOENT;
		}
		if (!strv_has(wanted, only->items[i]) && strv_add(wanted, only->items[i]) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < wanted->count; i++) { /* it grows meanwhile */
		const struct config_service *c = config_find(config, wanted->items[i]);

		for (size_t k = 0; k < c->after.count; k++) {
			if (!strv_has(wanted, c->after.items[k]) && strv_add(wanted, c->after.items[k]) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Do the sockets that are held fit what the settings say now? else they are bound anew when nothing uses them */
static bool sockets_fit(const struct service *s)
{
	const struct config_listen *l = &s->config->listen;

	if (!s->held)
		return true;
	return l->addresses.count && sockets_match(s->held->sockets, &l->addresses, &l->names, s->engine->o.mountpoint);
}

static void change_service(struct service *s, struct settings *settings, const struct config_service *config)
{
	bool same = config_service_equal(s->config, config) == 1;

	service_configure(s, settings, config);
	if (s->removed || s->restart) { /* it was about to end, and is wanted again */
		s->removed = false;
		s->restart = true;
		return;
	}
	if (same)
		return;
	if (!sockets_fit(s)) {
		held_unref(s->held);
		s->held = NULL;
	}
	s->forced = true;
	s->held_back = NULL;
	pace_changed(&s->pace);
	say_record_reason(s, "its settings in " CONFIG_FILE_NAME " changed");
	engine_post(s, s->state == SERVICE_STOPPED ? EVENT_START : EVENT_CHANGE);
}

static int add_service(struct engine *e, struct settings *settings, const struct config_service *config)
{
	struct service **services = realloc(e->services, (e->count + 1) * sizeof(*services));
	struct service *s;

	if (!services)
		return -ENOMEM;
	e->services = services;
	s = service_new(e, settings, config);
	if (!s)
		return -ENOMEM;
	e->services[e->count++] = s;
	if (kept_load(s))
		return 0;
	say_record_reason(s, FIRST_START);
	engine_post(s, EVENT_START);
	return 0;
}

static int apply(struct engine *e, struct settings *settings, const struct strv *wanted)
{
	const struct config *config = settings->config;
	int r = 0;

	for (size_t i = 0; i < e->count; i++) {
		struct service *s = e->services[i];
		const struct config_service *c = config_find(config, s->name);

		if (c && (!wanted->count || strv_has(wanted, s->name))) {
			change_service(s, settings, c);
		} else if (!s->removed) {
			s->removed = true;
			engine_post(s, EVENT_STOP);
		}
	}
	for (size_t i = 0; r == 0 && i < config->count; i++) {
		const struct config_service *c = &config->services[i];

		if (!engine_find(e, c->name) && (!wanted->count || strv_has(wanted, c->name)))
			r = add_service(e, settings, c);
	}
	return r;
}

int engine_configure(struct engine *e, struct settings *settings, const struct strv *only, struct buf *error)
{
	AUTO_STRV wanted = { 0 };
	int r = only ? close_over(settings->config, only, &wanted, error) : 0;

	if (r < 0 || e->stopping)
		return r;
	engine_hold(e);
	r = apply(e, settings, &wanted);
	engine_look_head(e); /* before anything is started */
	output_set_prefix(e->o.output, e->count > 1);
	engine_release(e);
	return r;
}
