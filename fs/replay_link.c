#include "fs/replay_link.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/control.h"
#include "fs/shared.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static struct {
	int control, event; /* event: something has changed that is not on the socket */
	atomic_bool cancelled;
	int fd;	   /* the replay's thread alone */
	bool idle; /* it has said that all before is over; likewise */
	pthread_mutex_t lock;
	int next; /* with lock: handed over and not yet taken; -1: nothing */
	bool hopeless, wanted;
} helper = { .lock = PTHREAD_MUTEX_INITIALIZER, .event = -1, .fd = -1, .next = -1 };

static void wake(void)
{
	uint64_t one = 1;

	if (helper.event >= 0 && write(helper.event, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_debug("event=replay_wake_failed");
}

int helper_link_open(int control)
{
	helper.control = control;
	helper.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return helper.event < 0 ? -errno : 0;
}

void helper_link_use(int fd)
{
	pthread_mutex_lock(&helper.lock);
	if (helper.next >= 0)
		close(helper.next);
	helper.next = fd;
	helper.hopeless = fd < 0;
	pthread_mutex_unlock(&helper.lock);
	wake();
}

void helper_link_cancel(void)
{
	helper.cancelled = true;
	wake();
}

static void hang_up(void)
{
	if (helper.fd >= 0)
		close(take_fd(&helper.fd));
	helper.idle = false;
}

/* true: there is another helper */
static bool take_next(void)
{
	int next;

	pthread_mutex_lock(&helper.lock);
	next = take_fd(&helper.next);
	if (next >= 0)
		helper.wanted = false;
	pthread_mutex_unlock(&helper.lock);
	if (next < 0)
		return false;
	hang_up();
	helper.fd = next;
	return true;
}

/* Something has come on the socket (0), or something else has happened (-EAGAIN). -ECANCELED */
static int wait_for_news(void)
{
	struct pollfd p[] = { { helper.event, POLLIN, 0 }, { helper.fd, POLLIN, 0 } };
	uint64_t n;

	while (poll(p, 2, -1) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (p[0].revents && read(helper.event, &n, sizeof(n)) < 0)
		log_debug("event=replay_drain_failed");
	if (helper.cancelled)
		return -ECANCELED;
	return p[1].revents ? 0 : -EAGAIN;
}

/* The answer to this task; older ones were for a dead worker. */
static int receive(uint64_t sequence, struct replay_result *result)
{
	for (;;) {
		int r = wait_for_news();
		ssize_t n;

		if (r == -EAGAIN)
			continue;
		if (r < 0)
			return r;
		n = recv(helper.fd, result, sizeof(*result), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n != sizeof(*result)) {
			hang_up();
			return -EPIPE;
		}
		if (result->sequence == sequence)
			return 0;
	}
}

int helper_link_do(struct replay_task *t, struct replay_result *result)
{
	if (helper.fd < 0)
		return -EPIPE;
	t->sequence = ++shared_replay->sequence;
	if (send(helper.fd, t, sizeof(*t), MSG_NOSIGNAL) != sizeof(*t)) {
		hang_up();
		return -EPIPE;
	}
	return receive(t->sequence, result);
}

/* Asked for once; the keeper starts one, or hands over the one that there is. */
static int wait_for_helper(void)
{
	while (!take_next()) {
		bool ask, hopeless;
		int r;

		pthread_mutex_lock(&helper.lock);
		hopeless = helper.hopeless;
		ask = !helper.wanted;
		helper.wanted = true;
		pthread_mutex_unlock(&helper.lock);
		if (hopeless)
			return -ENOTCONN;
		if (ask)
			control_send(helper.control, CONTROL_REPLAY, 0, -1);
		r = wait_for_news();
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return 0;
}

int helper_link_ready(void)
{
	static struct replay_task ping = { .act = REPLAY_PING };
	struct replay_result result;
	int r = helper.cancelled ? -ECANCELED : 0;

	take_next();
	while (r == 0 && !helper.idle) {
		if (helper.fd < 0)
			r = wait_for_helper();
		if (r == 0)
			r = helper_link_do(&ping, &result);
		if (r == 0)
			helper.idle = true;
		else if (r == -EPIPE)
			r = 0; /* once more, with another */
	}
	return r;
}
