/* flush-subscriptions: everything that is to be told is told before the answer. */
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>

struct flushed {
	struct subscription *subscription; /* referenced */
	unsigned pushed;		   /* before */
};

struct flush {
	struct waiter waiter;
	struct request *request;
	size_t count;
	struct flushed subscriptions[];
};

static void flush_free(struct flush *f)
{
	for (size_t i = 0; i < f->count; i++) {
		f->subscriptions[i].subscription->flushing = false;
		subscription_unref(f->subscriptions[i].subscription);
	}
	request_free(f->request);
	free(f);
}

static void gone(struct answer *a)
{
	struct flush *f = a->maker;

	waiter_remove(&f->waiter);
	flush_free(f);
}

static bool is_dropping(struct subscription *s)
{
	bool dropping = false;

	return s->connection && subscription_is_held(s, &dropping) && dropping;
}

static bool ready(struct waiter *w)
{
	struct flush *f = (struct flush *)w;
	bool all = true;

	for (size_t i = 0; i < f->count; i++) {
		struct subscription *s = f->subscriptions[i].subscription;

		if (!s->connection || is_dropping(s))
			continue;
		s->flushing = true;
		push_to(s);
		if (!subscription_is_up_to_date(s))
			all = false;
	}
	return all;
}

static json_t *outcome(struct flush *f)
{
	json_t *synced = json_array(), *not_needed = json_array(), *dropped = json_array();

	for (size_t i = 0; i < f->count; i++) {
		struct flushed *e = &f->subscriptions[i];
		json_t *list = is_dropping(e->subscription)	      ? dropped
			       : e->subscription->pushed != e->pushed ? synced
								      : not_needed;

		json_array_append_new(list, json_string(e->subscription->name));
	}
	return json_pack("{s:o,s:o,s:o}", "synced", synced, "no_sync_needed", not_needed, "dropped", dropped);
}

static void done(struct waiter *w, bool in_time)
{
	struct flush *f = (struct flush *)w;
	struct answer *a = f->request->answer;
	json_t *o = in_time ? outcome(f) : NULL;

	a->abandon = NULL;
	flush_free(f);
	if (o)
		answer_object(a, o);
	else
		answer_error(a, "flush-subscriptions: timed out waiting for everything to settle");
}

static void add(struct flush *f, struct subscription *s)
{
	s->refs++;
	f->subscriptions[f->count++] = (struct flushed){ s, s->pushed };
}

/* All of this connection and root, or the ones that are named. NULL, or what is wrong */
static const char *choose(struct flush *f, const json_t *list)
{
	struct connection *c = f->request->connection;
	struct subscription *s;

	if (!list) {
		TAILQ_FOREACH(s, &server.subscriptions, link)
		{
			if (s->connection == c && strcmp(s->root, f->request->root) == 0)
				add(f, s);
		}
		return NULL;
	}
	if (!json_is_array(list) || json_array_size(list) > SUBSCRIPTIONS_MAX)
		return "expected 'subscriptions' to be an array of subscription names";
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (!name)
			return "expected 'subscriptions' to be an array of subscription names";
		s = subscription_find(c, name);
		if (!s)
			return "this client does not have a subscription of that name";
		add(f, s);
	}
	return NULL;
}

void cmd_flush(struct request *r)
{
	const json_t *options = request_option(r, 0);
	const json_t *time_out = json_object_get(options, "sync_timeout");
	struct flush *f;
	const char *wrong;

	if (json_array_size(r->args) != 3 || !json_is_integer(time_out) || json_integer_value(time_out) < 0 ||
	    json_integer_value(time_out) > INT32_MAX) {
		answer_error(r->answer, "flush-subscriptions: takes an object with an integer 'sync_timeout'");
		request_free(r);
		return;
	}
	f = calloc(1, sizeof(*f) + SUBSCRIPTIONS_MAX * sizeof(struct flushed));
	if (!f) {
		connection_close(r->connection, "no memory");
		request_free(r);
		return;
	}
	f->request = r;
	wrong = choose(f, json_object_get(options, "subscriptions"));
	if (wrong) {
		answer_error(r->answer, "%s", wrong);
		flush_free(f);
		return;
	}
	f->waiter = (struct waiter){
		.tick = r->tick,
		.deadline_ms = server_now_ms() + json_integer_value(time_out),
		.ready = ready,
		.done = done,
	};
	r->answer->maker = f;
	r->answer->abandon = gone;
	waiter_add(&f->waiter);
}
