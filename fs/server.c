/* The loop: its thread, what wakes it, and its end. */
#include "fs/server_parts.h"
#include "core/base/mountinfo.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 5	 /* how often is looked at what nothing announces: what has settled without a batch */
#define SLOW_WAIT_MS 100 /* and at what is rare */
#define LAST_WORDS_MS 1000

struct server server;

static atomic_bool running; /* the loop may be woken */
static pthread_mutex_t calls_lock = PTHREAD_MUTEX_INITIALIZER;
static STAILQ_HEAD(, call) calls = STAILQ_HEAD_INITIALIZER(calls);

/* ---- small things ---- */

tick_t server_tick(void)
{
	return journal_tick(server.o.journal);
}

const char *server_clock(tick_t tick, char text[static CLOCK_TEXT_SIZE])
{
	struct clock c = server.clock;

	c.tick = tick;
	return clock_text(&c, text);
}

int64_t server_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void server_say(enum log_level level, const char *format, ...)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	AUTO_BUF text = { 0 };
	struct connection *c;
	va_list args;
	int r;

	va_start(args, format);
	r = buf_vprintf(&text, format, args);
	va_end(args);
	if (r < 0)
		return;
	log_write(level, "%s", text.data);
	TAILQ_FOREACH(c, &server.connections, link)
	{
		if (c->log_level >= (int)level)
			connection_push_object(c,
					       json_pack("{s:s,s:b,s:s,s:o}", "version", WATCHMAN_VERSION, "unilateral",
							 1, "level", names[level], "log", json_bytes(text.data)));
	}
}

/* ---- waking ---- */

void server_look_again(void)
{
	if (atomic_load(&running))
		uv_async_send(&server.wake);
}

void server_call(struct call *c)
{
	pthread_mutex_lock(&calls_lock);
	STAILQ_INSERT_TAIL(&calls, c, link);
	pthread_mutex_unlock(&calls_lock);
	server_look_again();
}

static void run_calls(void)
{
	STAILQ_HEAD(, call) now = STAILQ_HEAD_INITIALIZER(now);
	struct call *c;

	pthread_mutex_lock(&calls_lock);
	STAILQ_CONCAT(&now, &calls);
	pthread_mutex_unlock(&calls_lock);
	while ((c = STAILQ_FIRST(&now))) {
		STAILQ_REMOVE_HEAD(&now, link);
		c->fn(c);
	}
}

static void run_work(uv_work_t *uv)
{
	struct work *w = uv->data;

	w->run(w);
}

static void after_work(uv_work_t *uv, int status)
{
	struct work *w = uv->data;

	server.running--;
	w->done(w);
	server_look_again();
}

void server_work(struct work *w)
{
	w->uv.data = w;
	server.running++;
	uv_queue_work(&server.loop, &w->uv, run_work, after_work);
}

static void on_timer(uv_timer_t *t)
{
	server_look_again();
}

/* Only while there is something that nothing else would wake the loop for. */
static void set_timer(bool waiting, bool slowly)
{
	uint64_t ms = waiting ? WAIT_MS : SLOW_WAIT_MS;

	if (!waiting && !slowly)
		uv_timer_stop(&server.timer);
	else if (!uv_is_active((uv_handle_t *)&server.timer) || uv_timer_get_repeat(&server.timer) != ms)
		uv_timer_start(&server.timer, on_timer, ms, ms);
}

static void stop_step(void);

static void on_wake(uv_async_t *a)
{
	bool slowly, soon;

	run_calls();
	soon = requests_check_told();
	soon = supervisor_check_expected() || soon;
	raw_take();
	batches_take();
	push_all();
	waiters_check();
	slowly = connections_check_ends();
	slowly = push_is_held() || slowly;
	connections_bury();
	if (server.stopping)
		stop_step();
	else
		set_timer(soon || !TAILQ_EMPTY(&server.waiters), slowly);
}

/* ---- the end ---- */

static void on_last_words(uv_timer_t *t)
{
	struct connection *c;

	TAILQ_FOREACH(c, &server.connections, link)
	connection_close(c, "the mount ends");
	server_look_again();
}

/* Whoever listens is told what has settled, then all are let go of; the loop ends when nothing is left. */
static void stop_step(void)
{
	struct connection *c;

	if (!uv_is_closing((uv_handle_t *)&server.listener)) {
		uv_close((uv_handle_t *)&server.listener, NULL);
		uv_timer_start(&server.timer, on_last_words, LAST_WORDS_MS, 10);
	}
	TAILQ_FOREACH(c, &server.connections, link)
	{
		if (connection_unsent(c) == 0 && !c->job_runs)
			connection_close(c, "the mount ends");
	}
	connections_bury();
	if (server.running || !TAILQ_EMPTY(&server.connections) || uv_is_closing((uv_handle_t *)&server.timer))
		return;
	uv_close((uv_handle_t *)&server.timer, NULL);
	atomic_store(&running, false);
	uv_close((uv_handle_t *)&server.wake, NULL);
}

static void begin_stop(struct call *c)
{
	server.stopping = true;
}

void server_stop(void)
{
	static struct call call = { .fn = begin_stop };

	if (!atomic_load(&running))
		return;
	server_call(&call);
	pthread_join(server.thread, NULL);
	batches_done();
	uv_loop_close(&server.loop);
	/* the socket's name is the keeper's to remove: the next mount may have it by now */
}

/* ---- the beginning ---- */

static void *run_loop(void *arg)
{
	pthread_setname_np(pthread_self(), "hrfs-socket");
	uv_run(&server.loop, UV_RUN_DEFAULT);
	return NULL;
}

static int copy_options(const struct server_options *o)
{
	struct mountinfo_entry e;

	server.o = *o;
	server.o.socket_path = strdup(o->socket_path);
	server.o.mountpoint = strdup(o->mountpoint);
	server.o.source = strdup(o->source);
	if (!server.o.socket_path || !server.o.mountpoint || !server.o.source)
		return -ENOMEM;
	server.clock = (struct clock){ .start = o->start_time, .pid = o->keeper_pid };
	server.started_ms = server_now_ms();
	if (mountinfo_topmost(o->mountpoint, &e) == 0) {
		server.device = e.dev;
		mountinfo_entry_done(&e);
	}
	return 0;
}

static int open_loop(int fd)
{
	int r = uv_loop_init(&server.loop);

	if (r == 0)
		r = uv_async_init(&server.loop, &server.wake, on_wake);
	if (r == 0)
		r = uv_timer_init(&server.loop, &server.timer);
	if (r == 0)
		r = uv_pipe_init(&server.loop, &server.listener, 0);
	if (r == 0)
		r = uv_pipe_open(&server.listener, fd);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&server.listener, 128, connection_accept);
	return r;
}

/* Signals are for the threads that wait for them; a vanished client is an error of write. */
static int start_thread(void)
{
	sigset_t all, before;
	int r;

	signal(SIGPIPE, SIG_IGN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&server.thread, NULL, run_loop, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int server_start(const struct server_options *o)
{
	int r = copy_options(o);

	TAILQ_INIT(&server.connections);
	TAILQ_INIT(&server.subscriptions);
	TAILQ_INIT(&server.waiters);
	batches_init();
	supervisor_expect();
	if (r == 0)
		r = open_loop(o->listener);
	if (r < 0)
		return r;
	atomic_store(&running, true);
	r = start_thread();
	if (r < 0)
		atomic_store(&running, false);
	return r;
}
