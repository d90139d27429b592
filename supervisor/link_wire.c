#include "supervisor/link_wire.h"
#include "core/client.h"
#include <errno.h>

#define CALLS_MAX 4096

struct call {
	struct call *next;
	link_answer answered;
	void *arg;
};

struct wire {
	struct client *client;
	uv_poll_t poll;
	const struct wire_events *events;
	void *arg;
	struct call *calls, **end; /* sent, not answered, oldest first */
	size_t count;
	bool reading, freed;
};

static void answer(struct wire *w, const json_t *object)
{
	struct call *c = w->calls;

	if (!c)
		return;
	w->calls = c->next;
	if (!w->calls)
		w->end = &w->calls;
	w->count--;
	c->answered(object, c->arg);
	free(c);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_now(struct wire *w)
{
	uv_close((uv_handle_t *)&w->poll, on_closed);
	client_free(w->client);
	w->client = NULL;
	while (w->calls)
		answer(w, NULL);
}

void wire_free(struct wire *w)
{
	if (!w || w->freed)
		return;
	w->freed = true;
	if (!w->reading)
		close_now(w);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct wire *w = poll->data;
	int r = 0;

	w->reading = true;
	while (!w->freed && r == 0) {
		json_t *o;

		r = client_receive(w->client, 0, &o);
		if (r < 0)
			break;
		if (!client_is_unilateral(o))
			answer(w, o);
		else if (w->events->push)
			w->events->push(o, w->arg);
		json_decref(o);
	}
	w->reading = false;
	if (w->freed) {
		close_now(w);
	} else if (r != -EAGAIN) {
		uv_poll_stop(poll);
		w->events->closed(w->arg);
	}
}

int wire_new(uv_loop_t *loop, const char *socket, const struct wire_events *events, void *arg, struct wire **out,
	     struct buf *error)
{
	struct wire *w = calloc(1, sizeof(*w));
	int r = w ? client_connect(socket, &w->client, error) : -ENOMEM;

	if (r == 0) {
		r = uv_poll_init(loop, &w->poll, client_fd(w->client));
		if (r < 0)
			client_free(w->client);
	}
	if (r < 0) {
		free(w);
		return r;
	}
	w->events = events;
	w->arg = arg;
	w->end = &w->calls;
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_READABLE | UV_DISCONNECT, on_readable);
	*out = w;
	return 0;
}

int wire_call(struct wire *w, json_t *request, link_answer answered, void *arg)
{
	struct call *c = w && w->client && request && w->count < CALLS_MAX ? malloc(sizeof(*c)) : NULL;

	if (!c) {
		json_decref(request);
		return w && w->client ? -ENOMEM : -ENOTCONN;
	}
	if (client_send(w->client, request) < 0) {
		free(c);
		return -ENOTCONN; /* its end of file comes from the loop */
	}
	*c = (struct call){ NULL, answered, arg };
	*w->end = c;
	w->end = &c->next;
	w->count++;
	return 0;
}

void wire_send(struct wire *w, json_t *request)
{
	if (w && w->client && request)
		client_send(w->client, request);
	else
		json_decref(request);
}
