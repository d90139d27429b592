#include "supervisor/link.h"
#include "core/client.h"
#include "supervisor/link_batch.h"
#include "supervisor/mount_watch.h"
#include <errno.h>
#include <string.h>

#define CALLS_MAX 4096
#define RETRY_MS 20
#define RETRY_MAX 250 /* five seconds: a daemon that is replaced is back in milliseconds */
#define SUBSCRIPTION "hrfs-supervisor"

struct call {
	struct call *next;
	bool settle;
	link_answer answered;
	void *arg;
};

struct link {
	struct link_options options;
	uv_loop_t *loop;
	struct client *client; /* NULL: not connected */
	uv_poll_t *poll;
	uv_timer_t *retry;
	unsigned retries;
	struct mount_watch *watch;
	struct call *calls, **calls_end; /* sent, not answered, oldest first */
	size_t call_count;
	char *clock; /* of the last batch; NULL: not subscribed yet */
	bool lost, expected;
};

static const char *const claimed[] = { "hrfs-wait",	"hrfs-reload", "hrfs-why",
				       "hrfs-services", "hrfs-output", "hrfs-stop" };

/* ---- calls ---- */

static void forget_calls(struct link *l)
{
	struct call *c;

	while ((c = l->calls)) {
		l->calls = c->next;
		l->call_count--;
		if (!l->calls)
			l->calls_end = &l->calls;
		c->answered(NULL, c->arg);
		free(c);
	}
}

/*
 * Answers come in the order of the requests, but for hrfs-settle: it may be overtaken, and its
 * answer is known by its form.
 */
static struct call *take_call(struct link *l, bool settle)
{
	for (struct call **place = &l->calls; *place; place = &(*place)->next) {
		struct call *c = *place;

		if (c->settle != settle)
			continue;
		*place = c->next;
		if (!c->next)
			l->calls_end = place;
		l->call_count--;
		return c;
	}
	return NULL;
}

static void take_answer(struct link *l, const json_t *answer)
{
	bool settle = json_is_boolean(json_object_get(answer, "settled"));
	struct call *c = take_call(l, settle);

	if (!c) /* an error in the place of a settle's answer */
		c = take_call(l, !settle);
	if (!c)
		return;
	c->answered(answer, c->arg);
	free(c);
}

static int call(struct link *l, json_t *request, bool settle, link_answer answered, void *arg)
{
	struct call *c;
	int r;

	if (!l->client || l->call_count >= CALLS_MAX) {
		json_decref(request);
		return -ENOTCONN;
	}
	c = malloc(sizeof(*c));
	if (!c || !request || json_array_insert_new(request, 1, json_bytes(l->options.mountpoint))) {
		free(c);
		json_decref(request);
		return -ENOMEM;
	}
	r = client_send(l->client, request);
	if (r < 0) {
		free(c);
		return -ENOTCONN; /* the end of file comes to the loop */
	}
	*c = (struct call){ NULL, settle, answered, arg };
	*l->calls_end = c;
	l->calls_end = &c->next;
	l->call_count++;
	return 0;
}

int link_call(struct link *l, json_t *request, link_answer answered, void *arg)
{
	return call(l, request, false, answered, arg);
}

int link_settle(struct link *l, const char *clock, int64_t timeout_ms, link_answer answered, void *arg)
{
	json_t *what = json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms);

	if (clock && what)
		json_object_set_new(what, "clock", json_string(clock));
	return call(l, json_pack("[s,o]", "hrfs-settle", what), true, answered, arg);
}

void link_reply(struct link *l, int64_t id, json_t *object, bool more)
{
	if (object && more)
		json_object_set_new(object, "hrfs-more", json_true());
	if (!object || !l->client)
		json_decref(object);
	else
		client_send(l->client, json_pack("[s,I,o]", "hrfs-reply", (json_int_t)id, object));
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void disconnect(struct link *l)
{
	if (l->poll)
		uv_close((uv_handle_t *)l->poll, on_closed);
	l->poll = NULL;
	client_free(l->client);
	l->client = NULL;
	forget_calls(l);
}

static void lose(struct link *l, const char *why)
{
	if (l->lost)
		return;
	l->lost = true;
	uv_timer_stop(l->retry);
	disconnect(l);
	if (!l->expected)
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

static void take_push(struct link *l, const json_t *o)
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

static void take(struct link *l, const json_t *o)
{
	const json_t *id;

	if (json_object_get(o, "subscription"))
		take_push(l, o);
	else if ((id = json_object_get(o, "hrfs-request")))
		l->options.request(json_integer_value(id), json_object_get(o, "command"), l->options.arg);
	else if ((id = json_object_get(o, "hrfs-cancelled")))
		l->options.cancelled(json_integer_value(id), l->options.arg);
	else if (!client_is_unilateral(o))
		take_answer(l, o);
}

static void reconnect_later(struct link *l);

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct link *l = poll->data;

	while (l->client) {
		json_t *o;
		int r = client_receive(l->client, 0, &o);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			disconnect(l);
			reconnect_later(l);
			return;
		}
		take(l, o);
		json_decref(o);
	}
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
	call(l,
	     json_pack("[s,s,{s:b,s:s,s:[s]}]", "subscribe", SUBSCRIPTION, "hrfs-batches", 1, "since", l->clock,
		       "fields", "name"),
	     false, on_subscribed, l);
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
	json_t *commands = json_array();
	int r;

	for (size_t i = 0; commands && i < ARRAY_SIZE(claimed); i++)
		json_array_append_new(commands, json_string(claimed[i]));
	r = call(l, json_pack("[s,{s:o}]", "hrfs-register", "commands", commands), false, on_registered, l);
	return r < 0 ? r : call(l, json_pack("[s]", "clock"), false, on_clock, l);
}

static int connect_now(struct link *l, struct buf *error)
{
	int r = client_connect(l->options.socket, &l->client, error);

	if (r < 0)
		return r;
	l->poll = malloc(sizeof(*l->poll));
	r = l->poll ? uv_poll_init(l->loop, l->poll, client_fd(l->client)) : -ENOMEM;
	if (r < 0) {
		free(l->poll);
		l->poll = NULL;
		client_free(l->client);
		l->client = NULL;
		return r;
	}
	l->poll->data = l;
	uv_poll_start(l->poll, UV_READABLE | UV_DISCONNECT, on_readable);
	return greet(l);
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
	if (!l->lost && !l->expected)
		uv_timer_start(l->retry, on_retry, RETRY_MS, 0);
}

int link_new(uv_loop_t *loop, const struct link_options *options, struct link **out, struct buf *error)
{
	struct link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct link){ .options = *options, .loop = loop };
	l->calls_end = &l->calls;
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
	uv_close((uv_handle_t *)l->retry, on_closed);
	mount_watch_free(l->watch);
	free(l->clock);
	free(l);
}

void link_expect_end(struct link *l)
{
	l->expected = true;
}
