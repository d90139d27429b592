#include "supervisor/link.h"
#include "core/clock.h"
#include "supervisor/link_batch.h"
#include "supervisor/link_wire.h"
#include "supervisor/mount_watch.h"
#include <errno.h>
#include <string.h>

#define RETRY_MS 20
#define RETRY_MAX 250 /* five seconds: a daemon that is replaced is back in milliseconds */
#define SETTLES_MAX 512
#define SUBSCRIPTION "hrfs-supervisor"

struct settle { /* asked for, not answered */
	struct settle *next;
	char *clock; /* NULL: now */
	int64_t timeout_ms;
	link_answer answered;
	void *arg;
	json_t *answer; /* of the second connection, while the first one catches up */
};

/*
 * Answers come in the order of the requests, so what may take long is asked on a connection of its
 * own. When it has answered, the same is asked on the first, for the pushes that come on that one.
 */
struct link {
	struct link_options options;
	uv_loop_t *loop;
	struct wire *wire, *second; /* NULL: not connected */
	uv_timer_t *retry;
	unsigned retries;
	struct mount_watch *watch;
	struct settle *settles, **settles_end; /* the first one is under way */
	size_t settle_count;
	bool settling; /* the first one was sent */
	char *clock;   /* of the last batch; NULL: not subscribed yet */
	bool lost;
};

static const char *const claimed[] = { "hrfs-wait",	"hrfs-reload", "hrfs-why",    "hrfs-deps",
				       "hrfs-services", "hrfs-output", "hrfs-stop" };

static json_t *with_root(const struct link *l, json_t *request)
{
	if (request && json_array_insert_new(request, 1, json_bytes(l->options.mountpoint))) {
		json_decref(request);
		return NULL;
	}
	return request;
}

int link_call(struct link *l, json_t *request, link_answer answered, void *arg)
{
	return wire_call(l->wire, with_root(l, request), answered, arg);
}

void link_reply(struct link *l, int64_t id, json_t *object, bool more)
{
	if (object && more)
		json_object_set_new(object, "hrfs-more", json_true());
	if (object)
		wire_send(l->wire, json_pack("[s,I,o]", "hrfs-reply", (json_int_t)id, object));
}

/* ---- settling ---- */

static void next_settle(struct link *l);

/* the first one is off the list; the caller frees it */
static struct settle *settle_take(struct link *l)
{
	struct settle *s = l->settles;

	l->settles = s->next;
	if (!l->settles)
		l->settles_end = &l->settles;
	l->settle_count--;
	l->settling = false;
	return s;
}

static void settle_free(struct settle *s)
{
	json_decref(s->answer);
	free(s->clock);
	free(s);
}

static void settle_forget(struct link *l)
{
	settle_free(settle_take(l));
}

static void settle_done(struct link *l, const json_t *answer)
{
	struct settle *s = settle_take(l);

	s->answered(answer, s->arg); /* it may ask for another one */
	settle_free(s);
}

static void on_caught_up(const json_t *answer, void *arg)
{
	struct link *l = arg;

	settle_done(l, answer ? l->settles->answer : NULL);
	next_settle(l);
}

static json_t *settle_request(const struct link *l, const char *clock, int64_t timeout_ms)
{
	json_t *what = json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms);

	if (clock && what)
		json_object_set_new(what, "clock", json_string(clock));
	return with_root(l, json_pack("[s,o]", "hrfs-settle", what));
}

static void on_settled(const json_t *answer, void *arg)
{
	struct link *l = arg;
	struct settle *s = l->settles;
	const char *clock = json_string_value(json_object_get(answer, "clock"));

	s->answer = json_incref((json_t *)answer);
	if (answer && !(clock && json_is_true(json_object_get(answer, "settled")))) { /* refused, or not in time */
		settle_done(l, s->answer);
		next_settle(l);
		return;
	}
	/* it is settled already: answered as soon as this connection, too, has been told everything */
	if (answer && wire_call(l->wire, settle_request(l, clock, s->timeout_ms), on_caught_up, l) == 0)
		return;
	settle_done(l, NULL);
	next_settle(l);
}

static int send_settle(struct link *l)
{
	const struct settle *s = l->settles;
	int r = wire_call(l->second, settle_request(l, s->clock, s->timeout_ms), on_settled, l);

	l->settling = r == 0;
	return r;
}

static void next_settle(struct link *l)
{
	while (l->settles && !l->settling) {
		if (send_settle(l) < 0)
			settle_done(l, NULL);
	}
}

int link_settle(struct link *l, const char *clock, int64_t timeout_ms, link_answer answered, void *arg)
{
	struct settle *s = NULL;

	if (!l->wire || !l->second)
		return -ENOTCONN;
	if (l->settle_count < SETTLES_MAX)
		s = calloc(1, sizeof(*s));
	if (!s || (clock && !(s->clock = strdup(clock)))) {
		free(s);
		return -ENOMEM;
	}
	s->timeout_ms = timeout_ms;
	s->answered = answered;
	s->arg = arg;
	*l->settles_end = s;
	l->settles_end = &s->next;
	l->settle_count++;
	/* those that wait already go first: whoever is answering one sends the next */
	if (l->settling || l->settles != s || send_settle(l) == 0)
		return 0;
	settle_forget(l);
	return -ENOTCONN;
}

/* ---- the end ---- */

static void disconnect(struct link *l)
{
	struct wire *wire = l->wire, *second = l->second;

	l->wire = l->second = NULL;
	wire_free(second);
	wire_free(wire);
	while (l->settles)
		settle_done(l, NULL);
}

static void lose(struct link *l, const char *why)
{
	if (l->lost)
		return;
	l->lost = true;
	uv_timer_stop(l->retry);
	disconnect(l);
	l->options.gone(why, l->options.arg);
}

static void on_unmounted(void *arg)
{
	struct link *l = arg;
	AUTO_BUF why = { 0 };

	buf_printf(&why, "%s is not mounted any more", l->options.mountpoint);
	lose(l, buf_str(&why));
}

/* ---- what comes ---- */

static void take_batches(struct link *l, const json_t *o)
{
	const json_t *text = json_object_get(o, "clock");
	const json_t *object = json_object_get(o, "hrfs-batch");
	bool fresh = json_is_true(json_object_get(o, "is_fresh_instance"));
	struct link_batch b;

	if (json_is_string(text)) {
		char *clock = strdup(json_string_value(text));

		if (clock) {
			free(l->clock);
			l->clock = clock;
		}
	}
	if (object && link_batch_parse(object, &b) == 0) {
		l->options.batch(&b.batch, b.settle_ms, l->options.arg);
		link_batch_done(&b);
	} else if (object || fresh || json_array_size(json_object_get(o, "files"))) {
		l->options.fresh(l->options.arg); /* something has changed, and it isn't known what */
	}
}

static void on_push(const json_t *o, void *arg)
{
	struct link *l = arg;
	const json_t *id;

	if (json_object_get(o, "subscription"))
		take_batches(l, o);
	else if ((id = json_object_get(o, "hrfs-request")))
		l->options.request(json_integer_value(id), json_object_get(o, "command"), l->options.arg);
	else if ((id = json_object_get(o, "hrfs-cancelled")))
		l->options.cancelled(json_integer_value(id), l->options.arg);
	else if ((id = json_object_get(o, "hrfs-opened")) && l->options.opened)
		l->options.opened(id, l->options.arg);
}

static void reconnect_later(struct link *l);

static void on_closed(void *arg)
{
	struct link *l = arg;

	disconnect(l);
	if (l->options.cut)
		l->options.cut(l->options.arg);
	reconnect_later(l);
}

/* ---- the beginning: claim, then subscribe ---- */

static void on_subscribed(const json_t *answer, void *arg)
{
	struct link *l = arg;
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (!answer)
		return;
	if (error) {
		lose(l, error);
		return;
	}
	l->retries = 0;
	l->options.ready(l->options.arg);
}

static void on_clock(const json_t *answer, void *arg)
{
	struct link *l = arg;
	const char *clock = json_string_value(json_object_get(answer, "clock"));
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (!answer || l->lost)
		return;
	if (error || (!l->clock && !(clock && (l->clock = strdup(clock))))) {
		lose(l, error ? error : "the mount's daemon tells no clock");
		return;
	}
	link_call(l,
		  json_pack("[s,s,{s:b,s:s,s:[s]}]", "subscribe", SUBSCRIPTION, "hrfs-batches", 1, "since", l->clock,
			    "fields", "name"),
		  on_subscribed, l);
}

static void on_registered(const json_t *answer, void *arg)
{
	struct link *l = arg;
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (error)
		lose(l, error);
}

static int greet(struct link *l)
{
	json_t *commands;
	int r;

	if (l->options.observer)
		return link_call(l, json_pack("[s]", "clock"), on_clock, l);
	commands = json_array();
	for (size_t i = 0; commands && i < ARRAY_SIZE(claimed); i++)
		json_array_append_new(commands, json_string(claimed[i]));
	r = link_call(l, json_pack("[s,{s:o}]", "hrfs-register", "commands", commands), on_registered, l);
	return r < 0 ? r : link_call(l, json_pack("[s]", "clock"), on_clock, l);
}

static const struct wire_events first_events = { .push = on_push, .closed = on_closed };
static const struct wire_events second_events = { .closed = on_closed };

static int connect_now(struct link *l, struct buf *error)
{
	int r = wire_new(l->loop, l->options.socket, &first_events, l, &l->wire, error);

	if (r == 0)
		r = wire_new(l->loop, l->options.socket, &second_events, l, &l->second, error);
	return r < 0 ? r : greet(l);
}

static void on_retry(uv_timer_t *timer)
{
	struct link *l = timer->data;
	AUTO_BUF error = { 0 };

	if (connect_now(l, &error) == 0)
		return;
	disconnect(l);
	if (++l->retries >= RETRY_MAX)
		lose(l, error.len ? error.data : "the mount's daemon does not answer");
	else
		reconnect_later(l);
}

static void reconnect_later(struct link *l)
{
	if (!l->lost)
		uv_timer_start(l->retry, on_retry, RETRY_MS, 0);
}

static void on_freed(uv_handle_t *handle)
{
	free(handle);
}

int link_new(uv_loop_t *loop, const struct link_options *options, struct link **out, struct buf *error)
{
	struct link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct link){ .options = *options, .loop = loop };
	l->settles_end = &l->settles;
	l->retry = malloc(sizeof(*l->retry));
	if (!l->retry) {
		free(l);
		return -ENOMEM;
	}
	uv_timer_init(loop, l->retry);
	l->retry->data = l;
	r = mount_watch_new(loop, options->mountpoint, on_unmounted, l, &l->watch);
	if (r < 0)
		buf_printf(error, "nothing is mounted at %s", options->mountpoint);
	else
		r = connect_now(l, error);
	if (r < 0) {
		link_free(l);
		return r;
	}
	*out = l;
	return 0;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	l->lost = true;
	disconnect(l);
	uv_close((uv_handle_t *)l->retry, on_freed);
	mount_watch_free(l->watch);
	free(l->clock);
	free(l);
}

pid_t link_keeper(const struct link *l)
{
	struct clock c;

	return l->clock && clock_parse(l->clock, &c) == 0 ? (pid_t)c.pid : 0;
}
