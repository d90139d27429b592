/* Clients: who they are, what comes from them, and their end. */
#include "fs/server_parts.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define UNSENT_PAUSE (1024UL * 1024) /* no more questions from one that doesn't read the answers */

static void on_closed(uv_handle_t *h)
{
	connection_unref(h->data);
}

void connection_ref(struct connection *c)
{
	c->refs++;
}

void connection_unref(struct connection *c)
{
	if (--c->refs)
		return;
	buf_done(&c->sending);
	free(c);
}

/* ---- the end ---- */

void connection_close(struct connection *c, const char *why)
{
	if (*c->doomed || c->closing)
		return;
	snprintf(c->doomed, sizeof(c->doomed), "%s", *why ? why : "done");
	if (*why)
		log_debug("event=connection_closed pid=%d reason=\"%s\"", c->peer.pid, why);
	uv_read_stop((uv_stream_t *)&c->pipe);
	server_look_again();
}

static void abandon_answers(struct connection *c)
{
	struct answer *a;

	while ((a = TAILQ_FIRST(&c->answers))) {
		if (a->abandon)
			a->abandon(a);
		TAILQ_REMOVE(&c->answers, a, link);
		buf_done(&a->text);
		free(a);
	}
	c->pending = 0;
}

static void bury(struct connection *c)
{
	c->closing = true;
	abandon_answers(c);
	subscriptions_of_connection_end(c);
	states_of_connection_end(c);
	supervisor_gone(c);
	jobs_of_connection_end(c);
	protocol_done(&c->in);
	buf_done(&c->pushes);
	TAILQ_REMOVE(&server.connections, c, link);
	server.connection_count--;
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

void connections_bury(void)
{
	struct connection *c = TAILQ_FIRST(&server.connections);

	while (c) {
		struct connection *next = TAILQ_NEXT(c, link);

		if (*c->doomed)
			bury(c);
		c = next;
	}
}

/* Its end of file may mean that it only asks no more: then it still reads. */
static bool is_gone(struct connection *c)
{
	struct pollfd p = { .events = 0 };

	if (uv_fileno((uv_handle_t *)&c->pipe, &p.fd))
		return true;
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

bool connections_check_ends(void)
{
	struct connection *c;
	bool some = false;

	TAILQ_FOREACH(c, &server.connections, link)
	{
		if (!c->ended || *c->doomed)
			continue;
		if (is_gone(c))
			connection_close(c, "");
		else
			some = true;
	}
	return some;
}

void connection_finish(struct connection *c)
{
	c->ended = true;
	uv_read_stop((uv_stream_t *)&c->pipe);
	connection_pump(c);
}

/* ---- what comes ---- */

static bool is_full(const struct connection *c)
{
	return c->asks || c->pending >= PENDING_MAX || connection_unsent(c) > UNSENT_PAUSE;
}

/* An error as an answer, for what is no request. */
static void refuse(struct connection *c, const char *why)
{
	struct answer *a = answer_new(c);

	if (a)
		answer_error(a, "%s", why);
}

/* Everything that has come whole. */
static void take_requests(struct connection *c)
{
	while (!*c->doomed && !c->ended && !is_full(c)) {
		const char *why = NULL;
		json_t *args;
		int r = protocol_next(&c->in, &args, &why);

		if (r == 0)
			return;
		if (r > 0) {
			request_take(c, args);
			continue;
		}
		refuse(c, why);
		if (r != -EBADMSG)
			connection_finish(c);
	}
}

static void give_room(uv_handle_t *h, size_t size, uv_buf_t *b)
{
	static char space[64 * 1024]; /* the loop's; taken over before the next read */

	*b = uv_buf_init(space, sizeof(space));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct connection *c = s->data;

	if (n == UV_EOF) {
		connection_finish(c);
		server_look_again(); /* which finds out what its end of file means */
		return;
	}
	if (n < 0) {
		connection_close(c, uv_strerror((int)n));
		return;
	}
	if (n == 0)
		return;
	if (protocol_feed(&c->in, b->base, (size_t)n) < 0) {
		connection_close(c, "no memory");
		return;
	}
	connection_resume(c);
}

/* Takes what has come, and reads on when there is room for more questions. */
void connection_resume(struct connection *c)
{
	if (c->resuming || *c->doomed || c->closing)
		return;
	c->resuming = true; /* an answer that is given at once leads back here */
	take_requests(c);
	c->resuming = false;
	if (c->ended || *c->doomed)
		return;
	if (is_full(c) && !c->paused) {
		c->paused = true;
		uv_read_stop((uv_stream_t *)&c->pipe);
	} else if (!is_full(c) && c->paused) {
		c->paused = false;
		uv_read_start((uv_stream_t *)&c->pipe, give_room, on_read);
	}
}

/* ---- the beginning ---- */

static int find_peer(struct connection *c)
{
	socklen_t len = sizeof(c->peer);
	uv_os_fd_t fd;
	int r = uv_fileno((uv_handle_t *)&c->pipe, &fd);

	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->peer, &len))
		r = -errno;
	c->trusted = r == 0 && (c->peer.uid == 0 || c->peer.uid == server.o.owner);
	return r;
}

static unsigned connections_of(uid_t uid)
{
	struct connection *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &server.connections, link)
	{
		if (c->peer.uid == uid)
			n++;
	}
	return n;
}

/* NULL: welcome */
static const char *reason_against(struct connection *c)
{
	if (find_peer(c) < 0)
		return "who you are can't be told";
	if (!c->trusted && !server.o.allow_other)
		return "this mount is another user's";
	if (server.connection_count >= (c->trusted ? CONNECTIONS_MAX : CONNECTIONS_OF_OTHERS_MAX))
		return "too many connections";
	if (connections_of(c->peer.uid) >= CONNECTIONS_OF_USER_MAX)
		return "too many connections of one user (64 at most)";
	return NULL;
}

static void turn_away(struct connection *c, const char *why)
{
	char text[160];
	int len = snprintf(text, sizeof(text), "{\"version\":\"%s\",\"error\":\"%s\"}\n", WATCHMAN_VERSION, why);
	uv_buf_t b = uv_buf_init(text, (unsigned)len);

	uv_try_write((uv_stream_t *)&c->pipe, &b, 1);
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

void connection_accept(uv_stream_t *listener, int status)
{
	struct connection *c;
	const char *against;

	if (status < 0) {
		log_warn("event=accept_failed error=\"%s\"", uv_strerror(status));
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->refs = 1;
	c->log_level = -1;
	TAILQ_INIT(&c->answers);
	STAILQ_INIT(&c->jobs);
	uv_pipe_init(&server.loop, &c->pipe, 0);
	c->pipe.data = c;
	c->write.data = c;
	if (uv_accept(listener, (uv_stream_t *)&c->pipe)) {
		uv_close((uv_handle_t *)&c->pipe, on_closed);
		return;
	}
	against = reason_against(c);
	if (against) {
		turn_away(c, against);
		return;
	}
	TAILQ_INSERT_TAIL(&server.connections, c, link);
	server.connection_count++;
	uv_read_start((uv_stream_t *)&c->pipe, give_room, on_read);
}
