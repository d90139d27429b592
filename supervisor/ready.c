#include "supervisor/ready.h"
#include "supervisor/output.h"
#include "supervisor/ready_look.h"
#include "supervisor/ready_notify.h"
#include "supervisor/ready_probe.h"
#include "supervisor/sockets.h"
#include <arpa/inet.h>
#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ALIVE_MS 1000
#define LOCAL_MS 100	   /* after which an AF_UNIX socket counts as what it serves on */
#define LOOK_SHARE 8	   /* the next look after an eighth of the time so far … */
#define LOOK_LAST_MS 50	   /* … at most so late in the first seconds … */
#define LOOK_LATER_MS 250  /* … and so late after that */
#define LATER_MS 5000
#define MAX_OTHERS 10 /* times that others may take the request before they are believed */
#define MAX_TEXT 240

struct ready {
	uv_loop_t *loop;
	struct ready_options o;
	pid_t job;
	bool begun, told;
	uint64_t begin_ms, end_ms; /* of uv_now(); end: of the time-out */
	char last[MAX_TEXT];	   /* what was seen last, for the time-out */

	uv_timer_t look, limit;
	uv_poll_t notify_poll;
	int handles;

	int notify_fd; /* -1: none */
	struct buf notify_address;
	bool notified;

	bool has_regex;
	regex_t regex;
	struct output_watch *watch;

	struct sockaddr_storage address; /* TCP, HTTP: what is asked; len 0: not known yet */
	socklen_t len;
	bool held, second; /* it is a held socket; second: the other loopback address's turn */
	struct probe *probe;
	int others; /* PROBE_OTHER in a row */
};

static void look(uv_timer_t *timer);

/* ---- telling ---- */

static void stop_looking(struct ready *r)
{
	uv_timer_stop(&r->look);
	uv_timer_stop(&r->limit);
	probe_free(r->probe);
	r->probe = NULL;
	output_unwatch(r->watch);
	r->watch = NULL;
}

/* the callback may free r: nothing of it is touched after */
static void tell(struct ready *r, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void tell(struct ready *r, int status, const char *format, ...)
{
	AUTO_BUF text = { 0 };
	va_list args;

	if (r->told)
		return;
	r->told = true;
	stop_looking(r);
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	r->o.done(r, status, buf_str(&text), r->o.arg);
}

static void saw(struct ready *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void saw(struct ready *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->last, sizeof(r->last), format, args);
	va_end(args);
}

static uint64_t elapsed(const struct ready *r)
{
	return uv_now(r->loop) - r->begin_ms;
}

static void look_again(struct ready *r)
{
	uint64_t ms = elapsed(r) / LOOK_SHARE, most = elapsed(r) < LATER_MS ? LOOK_LAST_MS : LOOK_LATER_MS;

	ms = ms < 1 ? 1 : ms > most ? most : ms;
	uv_timer_start(&r->look, look, ms, 0);
}

static const char *waited_for(const struct ready *r, struct buf *out)
{
	const struct config_ready *how = r->o.how;

	switch (how->kind) {
	case CONFIG_READY_NOTIFY:
		buf_puts(out, "no READY=1 came to NOTIFY_SOCKET");
		break;
	case CONFIG_READY_LOG:
		buf_printf(out, "no line of its output matched %s", how->text);
		break;
	case CONFIG_READY_HTTP:
		buf_printf(out, "GET %s was not answered well", how->text);
		break;
	case CONFIG_READY_TCP:
		buf_puts(out, "nothing listened");
		break;
	default:
		buf_puts(out, "it has a socket that hrfs holds, but does not accept from it");
	}
	return buf_str(out);
}

static void too_late(uv_timer_t *timer)
{
	struct ready *r = timer->data;
	AUTO_BUF text = { 0 };

	waited_for(r, &text);
	if (*r->last)
		buf_printf(&text, "; last: %s", r->last);
	tell(r, -ETIMEDOUT, "%s", buf_str(&text));
}

static void set_limit(struct ready *r, uint64_t ms)
{
	r->end_ms = uv_now(r->loop) + ms;
	uv_timer_start(&r->limit, too_late, ms, 0);
}

/* ---- default: what its processes listen on ---- */

static void tell_where(struct ready *r, const struct look *l)
{
	AUTO_BUF address = { 0 };

	sockets_print(&l->address, l->len, &address);
	if (l->serves)
		tell(r, 0, "accepting on %s", buf_str(&address));
	else
		tell(r, 0, "listening on %s", buf_str(&address));
}

static void tell_alive(struct ready *r, const struct look *l)
{
	if (l->hidden)
		tell(r, 0, "alive for 1 s; hrfs may not look into its processes");
	else if (r->o.sockets)
		tell(r, 0, "alive for 1 s, and has not kept the socket that hrfs holds (LISTEN_FDS)");
	else if (r->o.port)
		tell(r, 0, "alive for 1 s, does not listen on port %d", r->o.port);
	else
		tell(r, 0, "alive for 1 s, listens nowhere");
}

static void look_default(struct ready *r)
{
	bool late = elapsed(r) >= ALIVE_MS;
	struct look l;
	/* a program that has found another port to listen on is not waited for either */
	int port = late ? 0 : r->o.port;

	if (look_at_job(r->job, r->o.sockets, port, elapsed(r) >= LOCAL_MS, &l) < 0)
		l = (struct look){ .hidden = true, .processes = 1 };
	if (l.serves || l.listens)
		tell_where(r, &l);
	else if (late && l.processes && (!l.holds || l.hidden))
		tell_alive(r, &l);
	else
		look_again(r);
}

/* ---- tcp and http ---- */

/* "every address" is reached by the loopback one */
static void make_reachable(struct sockaddr_storage *address)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *in = (struct sockaddr_in *)address;

	if (address->ss_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY))
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (address->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
}

static bool is_held(const struct ready *r, const struct sockaddr_storage *address, socklen_t len)
{
	AUTO_BUF text = { 0 };

	sockets_print(address, len, &text);
	for (size_t i = 0; r->o.sockets && i < sockets_count(r->o.sockets); i++)
		if (strcmp(sockets_address(r->o.sockets, i), buf_str(&text)) == 0)
			return true;
	return false;
}

/* What is known before it starts; else it is where the job listens first. */
static int choose_address(struct ready *r, struct buf *error)
{
	const struct config_ready *how = r->o.how;
	char port[16];
	int result = 0;

	if (how->kind == CONFIG_READY_TCP && how->text) {
		result = sockets_parse(how->text, NULL, &r->address, &r->len, error);
		if (result == 0)
			r->held = is_held(r, &r->address, r->len);
	} else if (r->o.sockets && sockets_count(r->o.sockets)) {
		r->held = true;
		r->len = sizeof(r->address);
		if (getsockname(sockets_fd(r->o.sockets, 0), (struct sockaddr *)&r->address, &r->len))
			result = -errno;
	} else if (r->o.port) {
		snprintf(port, sizeof(port), "localhost:%d", r->o.port);
		result = sockets_parse(port, NULL, &r->address, &r->len, error);
	}
	make_reachable(&r->address);
	return result;
}

/* a server on `port:` may have bound either loopback address */
static void other_loopback(struct ready *r)
{
	char text[32];
	AUTO_BUF error = { 0 };

	if (r->held || !r->o.port || (r->o.how->kind == CONFIG_READY_TCP && r->o.how->text))
		return;
	r->second = !r->second;
	snprintf(text, sizeof(text), "%s:%d", r->second ? "[::1]" : "127.0.0.1", r->o.port);
	sockets_parse(text, NULL, &r->address, &r->len, &error);
}

static void asked(struct ready *r, int status)
{
	AUTO_BUF address = { 0 };
	const char *path = r->o.how->text;

	sockets_print(&r->address, r->len, &address);
	if (status == PROBE_CONNECTED) {
		tell(r, 0, "listening on %s", buf_str(&address));
		return;
	}
	if (status >= 200 && status < 400) {
		if (r->others > MAX_OTHERS)
			tell(r, 0, "GET %s on %s answered %d (by another process, which takes all requests; this one accepts too)",
			     path, buf_str(&address), status);
		else
			tell(r, 0, "GET %s on %s answered %d", path, buf_str(&address), status);
		return;
	}
	if (status == PROBE_OTHER) {
		r->others++;
		saw(r, "another process took the request to %s", buf_str(&address));
	} else if (status > 0) {
		saw(r, "%s answered %d", buf_str(&address), status);
	} else {
		saw(r, "%s: %s", buf_str(&address), strerror(-status));
		other_loopback(r);
	}
	look_again(r);
}

static void on_probe(struct probe *p, int result, void *arg)
{
	struct ready *r = arg;

	probe_free(p);
	r->probe = NULL;
	asked(r, result);
}

static void ask(struct ready *r)
{
	struct probe_options o = { .address = r->address,
				   .len = r->len,
				   .path = r->o.how->kind == CONFIG_READY_HTTP ? r->o.how->text : NULL,
				   .job = r->held && r->others <= MAX_OTHERS ? r->job : 0,
				   .done = on_probe,
				   .arg = r };
	int result = probe_new(r->loop, &o, &r->probe);

	if (result < 0) {
		saw(r, "%s", strerror(-result));
		look_again(r);
	}
}

/* Connecting to a held socket proves nothing: the job has to wait on it (or cannot be looked into). */
static void look_held(struct ready *r)
{
	struct look l;

	if (look_at_job(r->job, r->o.sockets, 0, false, &l) < 0)
		l = (struct look){ .hidden = true };
	if (!l.serves && !(l.hidden && elapsed(r) >= ALIVE_MS)) {
		saw(r, l.holds ? "it has the socket that hrfs holds, but does not accept" :
				 "it has not kept the socket that hrfs holds (LISTEN_FDS)");
		look_again(r);
	} else if (r->o.how->kind == CONFIG_READY_HTTP) {
		ask(r);
	} else if (l.serves) {
		tell_where(r, &l);
	} else {
		tell(r, 0, "alive for 1 s; hrfs may not look into its processes");
	}
}

static void look_for_address(struct ready *r)
{
	struct look l;

	if (look_at_job(r->job, NULL, 0, false, &l) < 0 || !l.listens) {
		look_again(r);
		return;
	}
	if (r->o.how->kind == CONFIG_READY_TCP) {
		tell_where(r, &l);
		return;
	}
	r->address = l.address;
	r->len = l.len;
	make_reachable(&r->address);
	ask(r);
}

static void look(uv_timer_t *timer)
{
	struct ready *r = timer->data;

	switch (r->o.how->kind) {
	case CONFIG_READY_DELAY:
		tell(r, 0, "alive for %.3g s, as ready: says", (double)r->o.how->delay_ms / 1000);
		break;
	case CONFIG_READY_HTTP:
	case CONFIG_READY_TCP:
		if (r->held)
			look_held(r);
		else if (r->len)
			ask(r);
		else
			look_for_address(r);
		break;
	case CONFIG_READY_LOG: /* it matched before ready_begin() */
		tell(r, 0, "printed: %s", r->last);
		break;
	default:
		look_default(r);
	}
}

/* ---- log ---- */

static void line_came(const struct output_line *line, void *arg)
{
	struct ready *r = arg;
	AUTO_BUF plain = { 0 };

	if (r->told || output_plain(line->text, &plain) < 0)
		return;
	if (regexec(&r->regex, buf_str(&plain), 0, NULL, 0)) {
		saw(r, "%s", buf_str(&plain));
		return;
	}
	saw(r, "%s", buf_str(&plain));
	output_unwatch(r->watch);
	r->watch = NULL;
	if (r->begun)
		tell(r, 0, "printed: %s", r->last);
	else
		r->notified = true;
}

static int watch_log(struct ready *r, struct buf *error)
{
	if (!r->o.output) {
		buf_puts(error, "ready: log needs the output, which goes to the terminal: take another `ready:`");
		return -EINVAL;
	}
	if (regcomp(&r->regex, r->o.how->text, REG_EXTENDED | REG_NOSUB)) {
		buf_printf(error, "ready: log:%s is no extended regular expression", r->o.how->text);
		return -EINVAL;
	}
	r->has_regex = true;
	/* from now on: its first line may come before the word that it was started */
	r->watch = output_watch_stream(r->o.output, line_came, r);
	return r->watch ? 0 : -ENOMEM;
}

/* ---- notify ---- */

/* false: r was told of, and may be gone */
static bool take_message(struct ready *r, const struct notify_message *m)
{
	uint64_t extend = m->extend_usec / 1000, now = uv_now(r->loop);

	if (m->status) {
		saw(r, "%s", m->status);
		if (r->o.status)
			r->o.status(r, m->status, r->o.arg);
	}
	if (m->error)
		saw(r, "%s%s", strerror(m->error), m->stopping ? ", it stops" : "");
	/* as systemd: never shorter than it was */
	if (extend && !r->told && now + extend > r->end_ms)
		set_limit(r, extend);
	if (!m->ready || r->told)
		return true;
	tell(r, 0, "notified%s%s", m->status ? ": " : "", m->status ? m->status : "");
	return false;
}

static void notify_readable(uv_poll_t *poll, int status, int events)
{
	struct ready *r = poll->data;
	char text[NOTIFY_MAX_MESSAGE + 1];
	struct notify_message m;

	/* what comes before ready_begin() waits: whose processes may notify is known only then */
	while (notify_receive(r->notify_fd, r->job, text) == 1) {
		notify_parse(text, &m);
		if (!take_message(r, &m))
			return;
	}
}

static int open_notify(struct ready *r, struct buf *error)
{
	int result;

	r->notify_fd = notify_open(&r->notify_address);
	result = r->notify_fd < 0 ? r->notify_fd : uv_poll_init(r->loop, &r->notify_poll, r->notify_fd);
	if (result < 0) {
		buf_printf(error, "no socket for ready: notify: %s", strerror(-result));
		return result;
	}
	r->notify_poll.data = r;
	r->handles++;
	return 0;
}

/* ---- beginning and end ---- */

static int prepare(struct ready *r, struct buf *error)
{
	switch (r->o.how->kind) {
	case CONFIG_READY_NOTIFY:
		return open_notify(r, error);
	case CONFIG_READY_LOG:
		return watch_log(r, error);
	case CONFIG_READY_TCP:
	case CONFIG_READY_HTTP:
		return choose_address(r, error);
	default:
		return 0;
	}
}

int ready_new(uv_loop_t *loop, const struct ready_options *options, struct ready **out, struct buf *error)
{
	struct ready *r = calloc(1, sizeof(*r));
	int result;

	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->o = *options;
	r->notify_fd = -1;
	if (r->o.sockets && !sockets_count(r->o.sockets))
		r->o.sockets = NULL;
	uv_timer_init(loop, &r->look);
	uv_timer_init(loop, &r->limit);
	r->look.data = r->limit.data = r;
	r->handles = 2;
	result = prepare(r, error);
	if (result < 0) {
		ready_free(r);
		return result;
	}
	*out = r;
	return 0;
}

int ready_environment(const struct ready *r, struct strv *env)
{
	AUTO_BUF text = { 0 };
	int result;

	if (!r->notify_address.len)
		return strv_add(env, "NOTIFY_SOCKET");
	result = buf_printf(&text, "NOTIFY_SOCKET=%s", r->notify_address.data);
	return result < 0 ? result : strv_add(env, text.data);
}

void ready_begin(struct ready *r, pid_t job)
{
	const struct config_ready *how = r->o.how;

	if (r->begun)
		return;
	r->begun = true;
	r->job = job;
	uv_update_time(r->loop);
	r->begin_ms = uv_now(r->loop);
	if (how->kind == CONFIG_READY_DELAY) {
		uv_timer_start(&r->look, look, (uint64_t)how->delay_ms, 0);
		return;
	}
	set_limit(r, (uint64_t)r->o.timeout_ms);
	if (how->kind == CONFIG_READY_NOTIFY)
		uv_poll_start(&r->notify_poll, UV_READABLE, notify_readable);
	else if (how->kind != CONFIG_READY_LOG || r->notified)
		uv_timer_start(&r->look, look, 0, 0);
}

static void closed(uv_handle_t *handle)
{
	struct ready *r = handle->data;

	if (--r->handles > 0)
		return;
	if (r->notify_fd >= 0)
		close(r->notify_fd);
	buf_done(&r->notify_address);
	if (r->has_regex)
		regfree(&r->regex);
	free(r);
}

void ready_free(struct ready *r)
{
	if (!r)
		return;
	r->told = true;
	stop_looking(r);
	if (r->handles == 3)
		uv_close((uv_handle_t *)&r->notify_poll, closed);
	uv_close((uv_handle_t *)&r->look, closed);
	uv_close((uv_handle_t *)&r->limit, closed);
}
