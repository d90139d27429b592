#include "supervisor/ready_probe.h"
#include "core/base/buf.h"
#include "supervisor/ready_look.h"
#include "supervisor/sockets.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LOOK_FIRST_MS 1
#define LOOK_LAST_MS 20
#define STATUS_END 12 /* of "HTTP/1.1 200" */
#define REST_MS 100   /* that an answer's rest is read: cut off, servers log an error */

struct probe {
	struct probe_options o;
	int fd;
	uv_poll_t poll;
	uv_timer_t timer; /* asks who has taken the connection; also the way of a result known at once */
	int handles;
	bool done, connected;
	int result;	       /* known, but not told yet: of connect(), or what will be told when the answer has been read */
	struct buf head, rest; /* of the request: the rest is sent once it is known whose the connection is */
	char answer[64];
	size_t answered;
	unsigned look_ms;
};

int probe_parse_status(const char *data, size_t len)
{
	static const char begin[] = "HTTP/1.";
	size_t n = strlen(begin);

	if (strncmp(data, begin, len < n ? len : n) != 0)
		return -EPROTO;
	if (len < STATUS_END)
		return 0;
	if (data[8] != ' ' || !isdigit((unsigned char)data[9]) || !isdigit((unsigned char)data[10]) ||
	    !isdigit((unsigned char)data[11]) || data[9] == '0')
		return -EPROTO;
	return (data[9] - '0') * 100 + (data[10] - '0') * 10 + data[11] - '0';
}

/* the callback may free the probe: nothing of it is touched after */
static void finish(struct probe *p, int result)
{
	if (p->done)
		return;
	p->done = true;
	uv_poll_stop(&p->poll);
	uv_timer_stop(&p->timer);
	p->o.done(p, result, p->o.arg);
}

static int send_all(struct probe *p, const struct buf *text)
{
	ssize_t n = send(p->fd, text->data, text->len, MSG_NOSIGNAL | MSG_DONTWAIT);

	/* a few hundred bytes on a new connection always fit */
	return n == (ssize_t)text->len ? 0 : n < 0 ? -errno : -EIO;
}

static void known(uv_timer_t *timer)
{
	struct probe *p = timer->data;

	finish(p, p->result);
}

/* Who has been asked is let answer, whoever it is. */
static void wait_for_rest(struct probe *p, int result)
{
	p->result = result;
	uv_timer_start(&p->timer, known, REST_MS, 0);
}

static void look(uv_timer_t *timer)
{
	struct probe *p = timer->data;
	struct sockaddr_storage client = { 0 }, server = { 0 };
	socklen_t client_len = sizeof(client), server_len = sizeof(server);
	enum look_owner owner;
	int r;

	if (getsockname(p->fd, (struct sockaddr *)&client, &client_len) ||
	    getpeername(p->fd, (struct sockaddr *)&server, &server_len)) {
		finish(p, -errno);
		return;
	}
	owner = look_for_owner(p->o.job, &client, &server);
	if (owner == OWNER_NOBODY) {
		p->look_ms = p->look_ms * 2 < LOOK_LAST_MS ? p->look_ms * 2 : LOOK_LAST_MS;
		uv_timer_start(timer, look, p->look_ms, 0);
		return;
	}
	if (owner == OWNER_OTHER)
		wait_for_rest(p, PROBE_OTHER);
	r = send_all(p, &p->rest);
	if (r < 0)
		finish(p, p->result ? p->result : r);
}

static void read_answer(struct probe *p)
{
	char rest[4096];
	bool head = !p->result;
	ssize_t n = head ? recv(p->fd, p->answer + p->answered, sizeof(p->answer) - p->answered, MSG_DONTWAIT)
			 : recv(p->fd, rest, sizeof(rest), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(p, p->result ? p->result : n < 0 ? -errno : -ECONNRESET);
		return;
	}
	if (!head)
		return;
	p->answered += (size_t)n;
	p->result = probe_parse_status(p->answer, p->answered);
	if (p->result < 0)
		finish(p, p->result);
	else if (p->result)
		wait_for_rest(p, p->result);
}

static void event(uv_poll_t *poll, int status, int events);

static void connected(struct probe *p)
{
	int r;

	p->connected = true;
	if (!p->o.path) {
		finish(p, PROBE_CONNECTED);
		return;
	}
	/* servers that wait for data before they accept get some */
	r = send_all(p, &p->head);
	if (r < 0) {
		finish(p, r);
		return;
	}
	uv_poll_start(&p->poll, UV_READABLE, event);
	if (p->o.job && p->o.address.ss_family != AF_UNIX) {
		p->look_ms = LOOK_FIRST_MS;
		uv_timer_start(&p->timer, look, 0, 0);
		return;
	}
	r = send_all(p, &p->rest);
	if (r < 0)
		finish(p, r);
}

static void event(uv_poll_t *poll, int status, int events)
{
	struct probe *p = poll->data;
	socklen_t len = sizeof(int);
	int error = 0;

	if (p->connected) {
		read_answer(p);
		return;
	}
	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error)
		finish(p, -error);
	else
		connected(p);
}

static int make_request(struct probe *p)
{
	AUTO_BUF host = { 0 };
	int r;

	if (!p->o.path)
		return 0;
	if (p->o.address.ss_family == AF_UNIX)
		buf_puts(&host, "localhost");
	else
		sockets_print(&p->o.address, p->o.len, &host);
	r = buf_printf(&p->head, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: hrfs\r\n", p->o.path, buf_str(&host));
	return r < 0 ? r : buf_puts(&p->rest, "Accept: */*\r\nConnection: close\r\n\r\n");
}

static void free_all(struct probe *p)
{
	if (p->fd >= 0)
		close(p->fd);
	buf_done(&p->head);
	buf_done(&p->rest);
	free(p);
}

static void start_connecting(struct probe *p)
{
	int r = connect(p->fd, (struct sockaddr *)&p->o.address, p->o.len) ? -errno : 0;

	if (r == 0 || r == -EINPROGRESS) {
		uv_poll_start(&p->poll, UV_WRITABLE, event);
		return;
	}
	p->result = r;
	uv_timer_start(&p->timer, known, 0, 0);
}

int probe_new(uv_loop_t *loop, const struct probe_options *options, struct probe **out)
{
	struct probe *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->o = *options;
	p->fd = socket(p->o.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = p->fd < 0 ? -errno : make_request(p);
	if (r == 0)
		r = uv_poll_init(loop, &p->poll, p->fd);
	if (r < 0) {
		free_all(p);
		return r;
	}
	uv_timer_init(loop, &p->timer);
	p->poll.data = p->timer.data = p;
	p->handles = 2;
	start_connecting(p);
	*out = p;
	return 0;
}

static void closed(uv_handle_t *handle)
{
	struct probe *p = handle->data;

	if (--p->handles == 0)
		free_all(p);
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	p->done = true;
	uv_close((uv_handle_t *)&p->poll, closed);
	uv_close((uv_handle_t *)&p->timer, closed);
}
