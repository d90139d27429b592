#include "supervisor/requests.h"
#include "supervisor/config_watch.h"
#include "supervisor/engine_view.h"
#include "supervisor/output.h"
#include "supervisor/requests_private.h"
#include <errno.h>
#include <string.h>

/* ---- those that are not answered yet ---- */

struct pending *pending_new(struct requests *r, int64_t id)
{
	struct pending *p = r->count < REQUESTS_MAX ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		reply_error(r, id, "too many requests wait already");
		return NULL;
	}
	p->requests = r;
	p->id = id;
	p->next = r->pending;
	r->pending = p;
	r->count++;
	return p;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

void pending_done(struct pending *p)
{
	struct requests *r = p->requests;

	for (struct pending **place = &r->pending; *place; place = &(*place)->next) {
		if (*place != p)
			continue;
		*place = p->next;
		r->count--;
		break;
	}
	if (p->timer)
		uv_close((uv_handle_t *)p->timer, on_closed);
	if (p->watch)
		output_unwatch(p->watch);
	p->timer = NULL;
	p->watch = NULL;
	p->cancelled = true;
	if (p->settling)
		return; /* freed when the link answers */
	free(p->clock);
	free(p);
}

void reply(struct requests *r, int64_t id, json_t *object)
{
	link_reply(r->o.link, id, object ? object : json_pack("{s:s}", "error", "no memory"), false);
}

void reply_error(struct requests *r, int64_t id, const char *text)
{
	reply(r, id, json_pack("{s:o}", "error", json_bytes(text)));
}

/* ---- the short ones ---- */

json_t *services_answer(struct requests *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < engine_count(r->o.engine); i++)
		json_array_append_new(list, view_service(engine_at(r->o.engine, i)));
	return json_pack("{s:o,s:o,s:o}", "services", list, "not_started",
			 r->o.config ? config_watch_not_started(r->o.config) : json_array(), "config_error",
			 r->o.config ? config_watch_error(r->o.config) : json_null());
}

static int take_names(const json_t *list, struct strv *names)
{
	size_t i;
	json_t *name;

	json_array_foreach(list, i, name)
	{
		if (!json_is_string(name))
			return -EINVAL;
		if (strv_add(names, json_string_value(name)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void reload_take(struct requests *r, int64_t id, const json_t *arguments)
{
	const json_t *list = json_object_get(arguments, "services");
	AUTO_STRV names = { 0 };
	AUTO_BUF error = { 0 };
	json_t *done;

	if ((list && !json_is_null(list) && !json_is_array(list)) || take_names(list, &names) < 0) {
		reply_error(r, id, "hrfs-reload: 'services' is a list of names");
		return;
	}
	/* when trust was given meanwhile, that has started what there is to start */
	if (!(r->o.config && config_watch_look(r->o.config)) &&
	    engine_reload(r->o.engine, &names, json_is_true(json_object_get(arguments, "full")), &error) < 0) {
		reply_error(r, id, buf_str(&error));
		return;
	}
	done = json_array();
	for (size_t i = 0; i < engine_count(r->o.engine); i++) {
		const char *name = view_name(engine_at(r->o.engine, i));

		if (!names.count || strv_has(&names, name))
			json_array_append_new(done, json_string(name));
	}
	reply(r, id, json_pack("{s:b,s:o}", "ok", 1, "services", done));
}

static void stop_take(struct requests *r, int64_t id)
{
	struct pending *p = pending_new(r, id);

	if (!p)
		return;
	p->stops = true;
	r->o.stop(r->o.arg);
}

/* ---- all of them ---- */

static void stop_look(struct requests *r)
{
	struct pending *p, *next;

	if (!engine_is_stopped(r->o.engine))
		return;
	for (p = r->pending; p; p = next) {
		next = p->next;
		if (!p->stops)
			continue;
		reply(r, p->id, json_pack("{s:b}", "ok", 1));
		pending_done(p);
	}
}

void requests_moved(struct requests *r)
{
	wait_look(r);
	stop_look(r);
}

static void take(struct requests *r, int64_t id, const json_t *command)
{
	const char *name = json_string_value(json_array_get(command, 0));
	const json_t *arguments = json_array_get(command, 2);

	if (!name)
		reply_error(r, id, "a command is a list that begins with its name");
	else if (strcmp(name, "hrfs-wait") == 0)
		wait_take(r, id, arguments);
	else if (strcmp(name, "hrfs-reload") == 0)
		reload_take(r, id, arguments);
	else if (strcmp(name, "hrfs-why") == 0)
		why_take(r, id, arguments);
	else if (strcmp(name, "hrfs-deps") == 0)
		deps_take(r, id, arguments);
	else if (strcmp(name, "hrfs-services") == 0)
		reply(r, id, services_answer(r));
	else if (strcmp(name, "hrfs-output") == 0)
		output_take(r, id, arguments);
	else if (strcmp(name, "hrfs-stop") == 0)
		stop_take(r, id);
	else
		reply_error(r, id, "the supervisor has no such command");
}

void requests_take(struct requests *r, int64_t id, const json_t *command)
{
	if (!r->early)
		take(r, id, command);
	else if (json_array_size(r->early) < REQUESTS_MAX)
		json_array_append_new(r->early, json_pack("[I,O]", (json_int_t)id, command));
	else
		reply_error(r, id, "too many requests wait already");
}

void requests_begin(struct requests *r)
{
	json_t *early = r->early, *one;
	size_t i;

	r->early = NULL;
	json_array_foreach(early, i, one) take(r, json_integer_value(json_array_get(one, 0)), json_array_get(one, 1));
	json_decref(early);
}

static void cancel_early(struct requests *r, int64_t id)
{
	json_t *one;
	size_t i;

	json_array_foreach(r->early, i, one)
	{
		if (json_integer_value(json_array_get(one, 0)) != id)
			continue;
		json_array_remove(r->early, i);
		return;
	}
}

void requests_cancel(struct requests *r, int64_t id)
{
	cancel_early(r, id);
	for (struct pending *p = r->pending; p; p = p->next) {
		if (p->id != id)
			continue;
		pending_done(p);
		return;
	}
}

int requests_new(const struct requests_options *options, struct requests **out)
{
	struct requests *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->o = *options;
	r->early = json_array();
	*out = r;
	return 0;
}

void requests_free(struct requests *r)
{
	if (!r)
		return;
	while (r->pending)
		pending_done(r->pending);
	json_decref(r->early);
	free(r);
}

void requests_forget(struct requests *r)
{
	json_decref(r->early);
	r->early = json_array();
	while (r->pending)
		pending_done(r->pending);
}
