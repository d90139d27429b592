#include "supervisor/output_printer.h"
#include "core/base/buf.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define MAX_WAITING (1024 * 1024)

struct chunk {
	struct chunk *next;
	int fd;
	size_t len;
	char data[];
};

struct printer {
	pthread_mutex_t lock;
	pthread_cond_t more, idle;
	pthread_t thread;
	struct chunk *first, **last;
	size_t waiting, dropped_lines;
	int dropped_fd;
	bool busy, over;
	bool left;		   /* the owner has given up: the thread frees */
	void (*unread)(void *arg); /* NULL: it has been called */
	void *arg;
};

static void printer_done(struct printer *p)
{
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->more);
	pthread_cond_destroy(&p->idle);
	free(p);
}

/* 0; -EPIPE: nobody will ever read it; -errno */
static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EAGAIN) {
			/* somebody else has made the terminal non-blocking */
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			poll(&wait, 1, -1);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void tell_unread(struct printer *p)
{
	if (p->unread && !p->left)
		p->unread(p->arg);
	p->unread = NULL;
}

static void append(struct printer *p, struct chunk *c)
{
	c->next = NULL;
	*p->last = c;
	p->last = &c->next;
	p->waiting += c->len;
}

static struct chunk *chunk_new(int fd, const char *data, size_t len)
{
	struct chunk *c = malloc(sizeof(*c) + len);

	if (!c)
		return NULL;
	c->fd = fd;
	c->len = len;
	memcpy(c->data, data, len);
	return c;
}

/* there is room again: say what is missing, where it is missing */
static void note_dropped(struct printer *p)
{
	AUTO_BUF text = { 0 };
	struct chunk *c;

	if (buf_printf(&text, "hrfs: %zu lines are not shown: the terminal was too slow (hrfs log has them)\n",
		       p->dropped_lines) < 0)
		return;
	c = chunk_new(p->dropped_fd, text.data, text.len);
	if (!c)
		return;
	p->dropped_lines = 0;
	append(p, c);
}

static void *print(void *arg)
{
	struct printer *p = arg;
	bool left;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct chunk *c = p->first;
		int r;

		if (!c && p->dropped_lines) {
			note_dropped(p);
			c = p->first;
		}
		if (!c) {
			if (p->over)
				break;
			pthread_cond_wait(&p->more, &p->lock);
			continue;
		}
		p->first = c->next;
		if (!p->first)
			p->last = &p->first;
		pthread_mutex_unlock(&p->lock);
		r = write_all(c->fd, c->data, c->len);
		pthread_mutex_lock(&p->lock);
		if (r == -EPIPE)
			tell_unread(p);
		p->waiting -= c->len;
		free(c);
	}
	p->busy = false;
	left = p->left;
	pthread_cond_signal(&p->idle);
	pthread_mutex_unlock(&p->lock);
	if (left)
		printer_done(p);
	return NULL;
}

int printer_new(void (*unread)(void *arg), void *arg, struct printer **out)
{
	struct printer *p = calloc(1, sizeof(*p));
	pthread_condattr_t clock;
	sigset_t all, before;
	int r;

	if (!p)
		return -ENOMEM;
	p->last = &p->first;
	p->busy = true;
	p->unread = unread;
	p->arg = arg;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&p->idle, &clock);
	pthread_condattr_destroy(&clock);
	/* signals are the loop's; a pipe without a reader is an error here, not a signal */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&p->thread, NULL, print, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		printer_done(p);
		return -r;
	}
	*out = p;
	return 0;
}

static size_t count_lines(const char *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += data[i] == '\n';
	return n;
}

void printer_put(struct printer *p, int fd, const char *data, size_t len)
{
	struct chunk *c = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->waiting + len <= MAX_WAITING)
		c = chunk_new(fd, data, len);
	/* once some are dropped it goes on only after the note that says so */
	if (c && p->dropped_lines) {
		if (p->waiting + len <= MAX_WAITING / 2)
			note_dropped(p);
		if (p->dropped_lines) {
			free(c);
			c = NULL;
		}
	}
	if (c) {
		append(p, c);
	} else {
		p->dropped_lines += count_lines(data, len);
		p->dropped_fd = fd;
	}
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
}

void printer_free(struct printer *p, int wait_ms)
{
	struct timespec until;
	bool left;

	if (!p)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&p->lock);
	p->over = true;
	pthread_cond_signal(&p->more);
	while (p->busy && pthread_cond_timedwait(&p->idle, &p->lock, &until) == 0)
		;
	left = p->left = p->busy;
	if (left)
		pthread_detach(p->thread);
	pthread_mutex_unlock(&p->lock);
	if (left)
		return;
	pthread_join(p->thread, NULL);
	printer_done(p);
}
