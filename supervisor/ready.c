#include "supervisor/output.h"
#include "supervisor/ready_look.h"
#include "supervisor/ready_notify.h"
#include "supervisor/ready_private.h"
#include "supervisor/ready_probe.h"
#include "supervisor/sockets.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOCAL_MS 100	  /* after which an AF_UNIX socket counts as what it serves on */
#define LOOK_SHARE 8	  /* the next look after an eighth of the time so far … */
#define LOOK_LAST_MS 50	  /* … at most so late in the first seconds … */
#define LOOK_LATER_MS 250 /* … and so late after that */
#define LATER_MS 5000

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

void ready_tell(struct ready *r, int status, const char *format, ...)
{
	AUTO_BUF text = { 0 };
	va_list args;

	if (r->told)
		return;
	/* its socket stays open: late is better than never */
	r->told = status == 0 || r->o.how->kind != CONFIG_READY_NOTIFY;
	stop_looking(r);
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	r->o.done(r, status, buf_str(&text), r->o.arg);
}

void ready_saw(struct ready *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->last, sizeof(r->last), format, args);
	va_end(args);
}

uint64_t ready_elapsed(const struct ready *r)
{
	return uv_now(r->loop) - r->begin_ms;
}

void ready_look_again(struct ready *r)
{
	uint64_t ms = ready_elapsed(r) / LOOK_SHARE, most = ready_elapsed(r) < LATER_MS ? LOOK_LAST_MS : LOOK_LATER_MS;

	ms = ms < 1 ? 1 : ms > most ? most : ms;
	uv_timer_start(&r->look, look, ms, 0);
}

uint64_t ready_quiet_ms(const struct ready *r)
{
	return r->o.quiet_ms > READY_ALIVE_MS ? (uint64_t)r->o.quiet_ms : READY_ALIVE_MS;
}

static void too_late(uv_timer_t *timer)
{
	ready_tell_late(timer->data);
}

static void set_limit(struct ready *r, uint64_t ms)
{
	r->end_ms = uv_now(r->loop) + ms;
	uv_timer_start(&r->limit, too_late, ms, 0);
}

/* ---- default: what its processes listen on ---- */

static void look_default(struct ready *r)
{
	uint64_t now = ready_elapsed(r);
	/* a program that has found another port to listen on is not waited for either */
	int port = now >= READY_ALIVE_MS ? 0 : r->o.port;
	struct look l;
	bool quiet;

	if (look_at_job(r->job, r->o.sockets, port, now >= LOCAL_MS, &l) < 0) {
		ready_look_again(r); /* the process that was asked has ended meanwhile */
		return;
	}
	quiet = quiet_look(&r->quiet, now, l.used_ms, l.works, ready_quiet_ms(r));
	r->holds = l.holds && !l.hidden;
	if (l.serves || l.listens)
		ready_tell_where(r, &l);
	else if (quiet && l.processes && !r->holds && !look_for_work(r->job))
		ready_tell_alive(r, l.hidden, false);
	else
		ready_look_again(r);
}

static void look(uv_timer_t *timer)
{
	struct ready *r = timer->data;

	switch (r->o.how->kind) {
	case CONFIG_READY_DELAY:
		ready_tell(r, 0, "alive for %.3g s, as ready: says", (double)r->o.how->delay_ms / 1000);
		break;
	case CONFIG_READY_HTTP:
	case CONFIG_READY_TCP:
		ready_look_tcp_or_http(r);
		break;
	case CONFIG_READY_LOG: /* it matched before ready_begin() */
		ready_tell(r, 0, "printed: %s", r->last);
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
		ready_saw(r, "%s", buf_str(&plain));
		return;
	}
	ready_saw(r, "%s", buf_str(&plain));
	output_unwatch(r->watch);
	r->watch = NULL;
	if (r->begun)
		ready_tell(r, 0, "printed: %s", r->last);
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

/* The callbacks may free r: whoever calls one asks after it whether there is something to go on with. */
static void take_reload(struct ready *r, const struct notify_message *m)
{
	bool over = m->ready && !m->reloading;

	if (!r->o.reloading || (!m->reloading && !(over && r->reloading)))
		return;
	r->reloading = !over;
	r->o.reloading(r, over, r->o.arg);
}

static void take_message(struct ready *r, const struct notify_message *m)
{
	uint64_t extend = m->extend_usec / 1000, now = uv_now(r->loop);

	if (m->status)
		ready_saw(r, "%s", m->status);
	if (m->error)
		ready_saw(r, "%s%s", strerror(m->error), m->stopping ? ", it stops" : "");
	/* as systemd: never shorter than it was */
	if (extend && !r->told && now + extend > r->end_ms)
		set_limit(r, extend);
	if (m->status && r->o.status)
		r->o.status(r, m->status, r->o.arg);
	if (r->freed)
		return;
	if (r->told)
		take_reload(r, m);
	else if (m->ready)
		ready_tell(r, 0, "notified%s%s", m->status ? ": " : "", m->status ? m->status : "");
}

static void notify_readable(uv_poll_t *poll, int status, int events)
{
	struct ready *r = poll->data;
	char text[NOTIFY_MAX_MESSAGE + 1];
	struct notify_message m;

	/* what came before ready_begin() has waited: whose processes may notify is known only now */
	while (!r->freed && notify_receive(r->notify_fd, r->job, text) == 1) {
		notify_parse(text, &m);
		take_message(r, &m);
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
		return ready_choose_address(r, error);
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
	if (how->kind == CONFIG_READY_EXIT)
		return;
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
	r->told = r->freed = true;
	stop_looking(r);
	if (r->handles == 3)
		uv_close((uv_handle_t *)&r->notify_poll, closed);
	uv_close((uv_handle_t *)&r->look, closed);
	uv_close((uv_handle_t *)&r->limit, closed);
}
