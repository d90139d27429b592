#include "supervisor/terminal.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define MAX_LENT 16
#define SAME_PRESS_MS 50 /* one Ctrl-C may come by two ways: as a signal of our own group and from hrfs-job */

static const int stops[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

struct terminal_resize {
	struct terminal *terminal;
	struct terminal_resize *next, **link;
	void (*resized)(void *arg);
	void *arg;
};

struct terminal {
	uv_loop_t *loop;
	struct terminal_events events;
	void *arg;
	bool keys;     /* wanted */
	bool reading;  /* and in force */
	bool present;  /* of the start: hrfs had the foreground */
	bool stopping; /* told once already */
	uint64_t stop_time;

	int fd;			/* standard input when it is the controlling terminal, else -1 */
	int keys_fd;		/* the same terminal opened anew: its O_NONBLOCK is nobody else's; -1: none */
	pid_t group;		/* hrfs's own */
	struct termios before;	/* hrfs found it like this */
	struct termios stopped; /* a stopped job left it like this */
	pid_t lent[MAX_LENT];	/* groups, the last one has the foreground */
	size_t lent_count;
	bool suspended; /* by Ctrl-Z in a lent terminal, until SIGCONT */

	struct terminal_resize *listeners;
	uv_signal_t signals[ARRAY_SIZE(stops)], winch, tstp, cont;
	uv_poll_t poll;
	int handles;
};

/* ---- settings and the foreground ---- */

/* from the background too: SIGTTOU is blocked meanwhile, or it would stop hrfs */
static void take_settings(struct terminal *t, const struct termios *settings)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	tcsetattr(t->fd, TCSADRAIN, settings);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void set_foreground(struct terminal *t, pid_t group)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	tcsetpgrp(t->fd, group);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static bool is_foreground(const struct terminal *t)
{
	return t->fd >= 0 && tcgetpgrp(t->fd) == t->group;
}

/* ---- keys ---- */

static void key_pressed(struct terminal *t, char c)
{
	static const struct {
		const char *chars;
		enum terminal_key key;
	} keys[] = {
		{ "\r\n", TERMINAL_RELOAD }, { "pP", TERMINAL_PAUSE }, { "wW", TERMINAL_WHY },
		{ "qQ\x04", TERMINAL_QUIT }, { "hH?", TERMINAL_HELP },
	};

	for (size_t i = 0; c && i < ARRAY_SIZE(keys); i++)
		if (strchr(keys[i].chars, c) && t->events.key)
			t->events.key(keys[i].key, t->arg);
}

static void keys_off(struct terminal *t)
{
	if (!t->reading)
		return;
	t->reading = false;
	uv_poll_stop(&t->poll);
	take_settings(t, &t->before);
}

static void keys_readable(uv_poll_t *poll, int status, int events)
{
	struct terminal *t = poll->data;
	char typed[64];
	ssize_t n = read(t->keys_fd, typed, sizeof(typed));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* in the background, or the terminal is gone: not again and again */
	if (n <= 0) {
		t->reading = false;
		uv_poll_stop(poll);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		key_pressed(t, typed[i]);
}

static void keys_on(struct terminal *t)
{
	struct termios settings = t->before;

	if (!t->keys || t->keys_fd < 0 || t->reading || t->lent_count || !is_foreground(t))
		return;
	settings.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	settings.c_cc[VMIN] = 1;
	settings.c_cc[VTIME] = 0;
	take_settings(t, &settings);
	t->reading = uv_poll_start(&t->poll, UV_READABLE, keys_readable) == 0;
}

/* ---- signals ---- */

static void stop(struct terminal *t, int sig)
{
	bool again = t->stopping;

	if (again && uv_now(t->loop) - t->stop_time < SAME_PRESS_MS)
		return;
	t->stopping = true;
	t->stop_time = uv_now(t->loop);
	t->events.stop(sig, again, t->arg);
}

static void on_stop(uv_signal_t *handle, int sig)
{
	stop(handle->data, sig);
}

static void on_winch(uv_signal_t *handle, int sig)
{
	struct terminal *t = handle->data;

	for (struct terminal_resize *r = t->listeners; r; r = r->next)
		r->resized(r->arg);
	if (t->events.resized)
		t->events.resized(t->arg);
}

/* Without a shell above there is nobody who could let it go on. */
static bool has_shell(void)
{
	return getsid(0) != getpgrp();
}

/* Ctrl-Z while hrfs itself has the terminal. Jobs go on until their output has no room. */
static void on_tstp(uv_signal_t *handle, int sig)
{
	struct terminal *t = handle->data;

	if (!has_shell())
		return;
	keys_off(t);
	raise(SIGSTOP);
}

static void on_cont(uv_signal_t *handle, int sig)
{
	struct terminal *t = handle->data;
	pid_t group;

	if (!t->suspended) {
		keys_on(t);
		return;
	}
	if (!t->lent_count) {
		t->suspended = false;
		keys_on(t);
		return;
	}
	group = t->lent[t->lent_count - 1];
	/* by `fg`; after `bg` the job goes on without the terminal, and gets it at the next SIGCONT */
	if (is_foreground(t)) {
		take_settings(t, &t->stopped);
		set_foreground(t, group);
		t->suspended = false;
	}
	kill(-group, SIGCONT);
}

/* The job stopped: hrfs with all of its own group stops too, so that the shell takes the terminal. */
static void suspend(struct terminal *t)
{
	pid_t group = t->lent[t->lent_count - 1];

	if (!has_shell()) {
		kill(-group, SIGCONT);
		return;
	}
	if (tcgetattr(t->fd, &t->stopped))
		t->stopped = t->before;
	take_settings(t, &t->before);
	set_foreground(t, t->group);
	t->suspended = true;
	kill(0, SIGSTOP);
}

void terminal_job_signal(struct terminal *t, int sig)
{
	if (sig != SIGTSTP)
		stop(t, sig);
	else if (t->fd >= 0 && t->lent_count && !t->suspended)
		suspend(t);
}

/* ---- lending ---- */

void terminal_lend(struct terminal *t, pid_t group)
{
	if (t->fd < 0 || t->lent_count == MAX_LENT)
		return;
	keys_off(t);
	t->lent[t->lent_count++] = group;
	/* hrfs in the background (`hrfs run &`) has nothing to lend */
	if (t->lent_count > 1 || is_foreground(t))
		set_foreground(t, group);
}

void terminal_return(struct terminal *t, pid_t group)
{
	bool had_it = t->lent_count && t->lent[t->lent_count - 1] == group;
	size_t kept = 0;
	pid_t has_it;

	for (size_t i = 0; i < t->lent_count; i++)
		if (t->lent[i] != group)
			t->lent[kept++] = t->lent[i];
	t->lent_count = kept;
	if (!had_it || t->suspended)
		return;
	if (kept) {
		set_foreground(t, t->lent[kept - 1]);
		return;
	}
	/* from the job, or from a group that it has made and that is gone; after `bg` the shell has it, and keeps it */
	has_it = tcgetpgrp(t->fd);
	if (has_it == group || has_it <= 0 || kill(-has_it, 0)) {
		set_foreground(t, t->group);
		take_settings(t, &t->before);
	}
	keys_on(t);
}

/* ---- beginning and end ---- */

static int watch_signal(struct terminal *t, uv_signal_t *handle, int sig, uv_signal_cb cb)
{
	int r;

	uv_signal_init(t->loop, handle);
	handle->data = t;
	r = uv_signal_start(handle, cb, sig);
	/* the loop ends although they are watched */
	uv_unref((uv_handle_t *)handle);
	t->handles++;
	return r;
}

static int watch_signals(struct terminal *t)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(stops) && r == 0; i++)
		r = watch_signal(t, &t->signals[i], stops[i], on_stop);
	if (r == 0)
		r = watch_signal(t, &t->winch, SIGWINCH, on_winch);
	if (r == 0)
		r = watch_signal(t, &t->tstp, SIGTSTP, on_tstp);
	if (r == 0)
		r = watch_signal(t, &t->cont, SIGCONT, on_cont);
	/* writing and reading from the background fail instead of stopping hrfs */
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	return r;
}

static void open_keys(struct terminal *t)
{
	char name[128];

	if (!t->keys || t->fd < 0 || ttyname_r(t->fd, name, sizeof(name)))
		return;
	t->keys_fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (t->keys_fd < 0)
		return;
	if (uv_poll_init(t->loop, &t->poll, t->keys_fd)) {
		close(take_fd(&t->keys_fd));
		return;
	}
	uv_unref((uv_handle_t *)&t->poll);
	t->poll.data = t;
	t->handles++;
}

int terminal_new(uv_loop_t *loop, const struct terminal_events *events, bool keys, void *arg, struct terminal **out)
{
	struct terminal *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->loop = loop;
	t->events = *events;
	t->arg = arg;
	t->keys = keys;
	t->keys_fd = -1;
	t->group = getpgrp();
	/* only a controlling terminal has a foreground to ask for */
	t->fd = tcgetpgrp(STDIN_FILENO) > 0 && !tcgetattr(STDIN_FILENO, &t->before) ? STDIN_FILENO : -1;
	t->present = is_foreground(t) && isatty(STDERR_FILENO);
	r = watch_signals(t);
	if (r < 0) {
		terminal_free(t);
		return r;
	}
	open_keys(t);
	keys_on(t);
	*out = t;
	return 0;
}

static void closed(uv_handle_t *handle)
{
	struct terminal *t = handle->data;

	if (--t->handles > 0)
		return;
	if (t->keys_fd >= 0)
		close(t->keys_fd);
	free(t);
}

static void close_signal(uv_signal_t *handle)
{
	if (handle->data)
		uv_close((uv_handle_t *)handle, closed);
}

void terminal_free(struct terminal *t)
{
	if (!t)
		return;
	keys_off(t);
	t->keys = false;
	while (t->lent_count)
		terminal_return(t, t->lent[t->lent_count - 1]);
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		close_signal(&t->signals[i]);
	close_signal(&t->winch);
	close_signal(&t->tstp);
	close_signal(&t->cont);
	if (t->keys_fd >= 0)
		uv_close((uv_handle_t *)&t->poll, closed);
}

bool terminal_present(const struct terminal *t)
{
	return t->present;
}

int terminal_fd(const struct terminal *t)
{
	return t->fd;
}

struct terminal_resize *terminal_on_resize(struct terminal *t, void (*resized)(void *arg), void *arg)
{
	struct terminal_resize *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	*r = (struct terminal_resize){ .terminal = t, .next = t->listeners, .resized = resized, .arg = arg };
	r->link = &t->listeners;
	if (r->next)
		r->next->link = &r->next;
	t->listeners = r;
	return r;
}

void terminal_off_resize(struct terminal_resize *r)
{
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	free(r);
}
