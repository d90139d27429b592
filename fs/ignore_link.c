#include "fs/ignore_link.h"
#include "core/base/log.h"
#include "fs/git/wire.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HUNG_NS 20000000000LL /* without an answer for so long it never comes */

static struct {
	pthread_mutex_t lock;
	int fd;
	struct buf out, in;
	link_heard *heard; /* of the question that is out; NULL: none is */
	void *arg;
	int64_t asked_ns;
	atomic_bool there; /* for who must not wait for the lock */
} helper = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

int64_t link_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int link_start(int socket)
{
	if (socket >= 0 && (fcntl(socket, F_SETFD, FD_CLOEXEC) || fcntl(socket, F_SETFL, O_NONBLOCK)))
		return -errno;
	pthread_mutex_lock(&helper.lock);
	helper.fd = socket;
	helper.there = socket >= 0;
	pthread_mutex_unlock(&helper.lock);
	return 0;
}

bool link_is_there(void)
{
	return helper.there;
}

static void answer(const char *data, size_t len)
{
	link_heard *heard = helper.heard;

	helper.heard = NULL;
	if (heard)
		heard(helper.arg, data, len);
}

static void hang_up(void)
{
	if (helper.fd >= 0)
		close(helper.fd);
	helper.fd = -1;
	helper.there = false;
	buf_done(&helper.out);
	buf_done(&helper.in);
	answer(NULL, 0);
}

/* Said once, since after it there is no helper. */
static int lose(const char *why)
{
	log_warn("event=git_helper_lost why=\"%s\" meaning=\"nothing counts as ignored until there is another\"", why);
	hang_up();
	return -EPIPE;
}

void link_stop(void)
{
	pthread_mutex_lock(&helper.lock);
	hang_up();
	pthread_mutex_unlock(&helper.lock);
}

static int send_some(void)
{
	ssize_t n = send(helper.fd, helper.out.data, helper.out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		buf_consume(&helper.out, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		return lose(strerror(errno));
	return 0;
}

static int receive_some(void)
{
	char text[8192];
	ssize_t n = recv(helper.fd, text, sizeof(text), MSG_DONTWAIT);
	size_t start, len;
	int r;

	if (n == 0)
		return lose("it ended");
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : lose(strerror(errno));
	if (buf_put(&helper.in, text, (size_t)n) < 0)
		return lose("no memory");
	r = wire_peek(&helper.in, &start, &len);
	if (r < 0 || (r == 1 && !helper.heard))
		return lose("it does not keep to the protocol");
	if (r == 1) {
		answer(helper.in.data + start, len);
		buf_consume(&helper.in, start + len);
	}
	return 0;
}

/* Until the question that is out is answered. 0, -ETIMEDOUT, -EPIPE */
static int pump(int64_t deadline_ns)
{
	while (helper.heard) {
		int64_t left_ms = (deadline_ns - link_now_ns() + 999999) / 1000000;
		struct pollfd p = { helper.fd, (short)(POLLIN | (helper.out.len ? POLLOUT : 0)), 0 };
		int r = poll(&p, 1, left_ms > 0 ? (int)left_ms : 0);

		if (r < 0 && errno != EINTR)
			return lose(strerror(errno));
		if (r == 0 && left_ms <= 0)
			return -ETIMEDOUT;
		if (r <= 0)
			continue;
		r = p.revents & POLLOUT ? send_some() : 0;
		if (r == 0 && p.revents & (POLLIN | POLLHUP | POLLERR))
			r = receive_some();
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * What was asked before is not waited for again: a helper that is slow would hold up each batch by its
 * time-out.
 */
static int catch_up(void)
{
	int r;

	if (helper.fd < 0)
		return -EPIPE;
	r = pump(0);
	if (r == -ETIMEDOUT && link_now_ns() - helper.asked_ns > HUNG_NS)
		return lose("it does not answer");
	return r == -ETIMEDOUT ? -EBUSY : r;
}

static int ask_locked(const char *message, size_t len, link_heard *heard, void *arg, int64_t deadline_ns)
{
	int r = catch_up();

	if (r == 0)
		r = wire_put(&helper.out, message, len);
	if (r < 0)
		return r;
	helper.heard = heard;
	helper.arg = arg;
	helper.asked_ns = link_now_ns();
	r = pump(deadline_ns);
	if (r == -ETIMEDOUT)
		log_debug("event=git_helper_slow");
	return r == -EPIPE ? 0 : r; /* lost meanwhile: heard() knows */
}

int link_ask(const char *message, size_t len, link_heard *heard, void *arg, int64_t deadline_ns)
{
	struct timespec until;
	int64_t wait_ns = deadline_ns - link_now_ns();
	int r;

	/* this clock, since the other lock function is unknown to the thread sanitizer */
	clock_gettime(CLOCK_REALTIME, &until);
	wait_ns += until.tv_nsec;
	until.tv_sec += wait_ns / 1000000000;
	until.tv_nsec = wait_ns % 1000000000;
	if (until.tv_nsec < 0) {
		until.tv_sec--;
		until.tv_nsec += 1000000000;
	}
	r = pthread_mutex_timedlock(&helper.lock, &until);
	if (r)
		return r == ETIMEDOUT ? -EBUSY : -r;
	r = ask_locked(message, len, heard, arg, deadline_ns);
	pthread_mutex_unlock(&helper.lock);
	return r;
}
