/*
 * What goes out on a connection: answers in the order of their requests, and between them what the
 * client has subscribed to. Nothing here ever waits, and what a client doesn't read is bounded.
 */
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>

static void on_written(uv_write_t *w, int status);

/* ---- sending ---- */

static void take(struct buf *from, struct buf *to)
{
	*to = *from;
	*from = (struct buf){ 0 };
}

static void free_answer(struct answer *a)
{
	TAILQ_REMOVE(&a->connection->answers, a, link);
	a->connection->pending--;
	buf_done(&a->text);
	free(a);
}

/* The oldest answer that isn't yet out as a whole. */
static struct answer *head(struct connection *c)
{
	struct answer *a;

	while ((a = TAILQ_FIRST(&c->answers)) && a->complete && !a->text.len) {
		c->inside = false; /* its last piece may have gone out before anybody knew that it was the last */
		free_answer(a);
	}
	return a;
}

/* What is to go out next, into c->sending. */
static bool choose(struct connection *c)
{
	struct answer *a = head(c);

	if (!c->inside && c->pushes.len) {
		take(&c->pushes, &c->sending);
		return true;
	}
	if (!a || !a->text.len)
		return false;
	take(&a->text, &c->sending);
	c->inside = a->inside;
	return true;
}

/* True: all of c->sending is out. */
static bool send_some(struct connection *c)
{
	uv_buf_t b = uv_buf_init(c->sending.data, (unsigned)c->sending.len);
	int n = uv_try_write((uv_stream_t *)&c->pipe, &b, 1);

	if (n < 0 && n != UV_EAGAIN) {
		connection_close(c, uv_strerror(n));
		return false;
	}
	if (n == (int)b.len)
		return true;
	if (n > 0) {
		b.base += n;
		b.len -= (size_t)n;
	}
	n = uv_write(&c->write, (uv_stream_t *)&c->pipe, &b, 1, on_written);
	if (n < 0)
		connection_close(c, uv_strerror(n));
	else
		c->writing = true;
	return false;
}

void connection_pump(struct connection *c)
{
	while (!c->writing && !*c->doomed && choose(c)) {
		if (!send_some(c))
			return;
		buf_done(&c->sending);
	}
	if (!c->writing && c->ended && !c->pending && !c->pushes.len && !c->subscriptions)
		connection_close(c, "");
}

/* Whoever makes the oldest long answer may go on. */
static void ask_for_more(struct connection *c)
{
	struct answer *a;

	TAILQ_FOREACH(a, &c->answers, link)
	{
		if (a->more) {
			a->more(a);
			return;
		}
	}
}

static void on_written(uv_write_t *w, int status)
{
	struct connection *c = w->data;

	c->writing = false;
	buf_done(&c->sending);
	if (c->closing)
		return;
	if (status < 0) {
		connection_close(c, uv_strerror(status));
		return;
	}
	connection_pump(c);
	ask_for_more(c);
	connection_resume(c);
}

size_t connection_unsent(const struct connection *c)
{
	size_t bytes = c->pushes.len + (c->writing ? c->pipe.write_queue_size : 0);
	const struct answer *a;

	TAILQ_FOREACH(a, &c->answers, link)
	bytes += a->text.len;
	return bytes;
}

/* ---- answers ---- */

struct answer *answer_new(struct connection *c)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a) {
		connection_close(c, "no memory");
		return NULL;
	}
	a->connection = c;
	TAILQ_INSERT_TAIL(&c->answers, a, link);
	c->pending++;
	return a;
}

static void out_of_memory(struct answer *a)
{
	connection_close(a->connection, "no memory for an answer");
}

void answer_text(struct answer *a, struct buf *text, bool inside)
{
	int r = 0;

	if (!a->text.len) {
		buf_done(&a->text);
		take(text, &a->text);
	} else {
		r = buf_put(&a->text, text->data, text->len);
		buf_done(text);
	}
	a->inside = inside;
	if (r < 0)
		out_of_memory(a);
	else
		connection_pump(a->connection);
}

void answer_object_more(struct answer *a, json_t *o)
{
	int r = o && json_is_object(o) ? 0 : -ENOMEM;

	if (r == 0 && !json_object_get(o, "version"))
		r = json_object_set_new(o, "version", json_string(WATCHMAN_VERSION)) ? -ENOMEM : 0;
	if (r == 0)
		r = protocol_put_line(&a->text, o);
	json_decref(o);
	if (r < 0)
		out_of_memory(a);
	else
		connection_pump(a->connection);
}

/* Its maker has nothing more to do with it. */
static void complete(struct answer *a)
{
	a->complete = true;
	a->more = a->abandon = NULL;
}

void answer_end(struct answer *a)
{
	struct connection *c = a->connection;

	complete(a);
	connection_pump(c);
	connection_resume(c);
}

void answer_object(struct answer *a, json_t *o)
{
	complete(a); /* before it is sent: it may be gone afterwards */
	if (o && json_is_object(o)) {
		struct connection *c = a->connection;

		answer_object_more(a, o);
		connection_resume(c);
		return;
	}
	json_decref(o);
	out_of_memory(a);
}

void answer_error(struct answer *a, const char *format, ...)
{
	AUTO_BUF text = { 0 };
	va_list args;
	json_t *message = NULL;

	va_start(args, format);
	if (buf_vprintf(&text, format, args) == 0)
		message = json_bytes(text.data);
	va_end(args);
	answer_object(a, json_pack("{s:o}", "error", message));
}

void answer_drop(struct answer *a)
{
	free_answer(a);
}

/* ---- what nobody asked for just now ---- */

void connection_push(struct connection *c, const char *text, size_t len)
{
	size_t unsent;

	if (*c->doomed || c->closing)
		return;
	unsent = connection_unsent(c);
	if (unsent > UNSENT_MAX) {
		connection_close(c, "");
		server_say(LOG_WARN,
			   "event=subscriber_closed pid=%d uid=%u unsent_bytes=%zu "
			   "reason=\"it does not read what it has subscribed to\"",
			   c->peer.pid, c->peer.uid, unsent);
		return;
	}
	if (buf_put(&c->pushes, text, len) < 0)
		connection_close(c, "no memory");
	else
		connection_pump(c);
}

void connection_push_object(struct connection *c, json_t *o)
{
	AUTO_BUF text = { 0 };

	if (protocol_put_line(&text, o) == 0)
		connection_push(c, text.data, text.len);
	json_decref(o);
}
