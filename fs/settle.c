#include "fs/settle.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/dirs.h"
#include "fs/observe.h"
#include "fs/settle_lock.h"
#include "fs/settle_publish.h"
#include "fs/settle_round.h"
#include "fs/settle_tree.h"
#include "fs/shared.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

static struct {
	pthread_t thread;
	/* of other threads too, and some ask before the thread has been started: */
	_Atomic int event;
	atomic_bool asleep; /* the next request that ends is to write to the event */
	atomic_bool stop;
	_Atomic uint64_t activity; /* counts ended requests */
	_Atomic int64_t last_ns;   /* when the last one ended */
} settle = { .event = -1 };

static void notify(void)
{
	uint64_t one = 1;

	if (write(settle.event, &one, sizeof(one)) != sizeof(one))
		log_debug("event=settle_wake_failed");
}

void settle_wake(void)
{
	atomic_store_explicit(&settle.last_ns, round_now_ns(), memory_order_relaxed);
	settle.activity++;
	if (settle.asleep && atomic_exchange(&settle.asleep, false))
		notify();
}

void settle_hurry(tick_t upto)
{
	tick_t now = settling.hurry;

	while (now < upto && !atomic_compare_exchange_weak(&settling.hurry, &now, upto))
		;
	notify();
}

tick_t settle_done(void)
{
	struct journal *j = observe_journal();
	tick_t tick = journal_tick(j);
	struct journal_stats stats;

	journal_stats(j, &stats);
	/* in this order: marks go only while telling is set */
	if (!stats.marks && !settling.telling)
		return tick;
	return settling.done;
}

/* ---- the thread ---- */

static void drain(void)
{
	uint64_t n;

	if (read(settle.event, &n, sizeof(n)) < 0 && errno != EAGAIN)
		log_debug("event=settle_drain_failed");
}

static void wait_until(int64_t until, const struct look *l)
{
	struct pollfd p[1 + LOOK_TOOLS] = { { settle.event, POLLIN, 0 } };
	int64_t left = until == INT64_MAX ? -1 : until - round_now_ns();
	struct timespec t = { left / 1000000000LL, left % 1000000000LL };

	if (until != INT64_MAX && left <= 0)
		return;
	for (size_t i = 0; i < l->tool_count; i++)
		p[1 + i] = (struct pollfd){ l->tools[i], POLLIN, 0 };
	ppoll(p, 1 + l->tool_count, until == INT64_MAX ? NULL : &t, NULL);
	if (p[0].revents)
		drain();
}

/* True: requests still come one upon the other, and no cap is near; no need to look at the marks. */
static bool is_busy(int64_t cap_at_ns, int64_t *until)
{
	int64_t last = atomic_load_explicit(&settle.last_ns, memory_order_relaxed);
	int64_t now = round_now_ns();

	*until = last + settling.quiet_ns;
	return now < *until && *until < cap_at_ns && settling.hurry <= settling.hurry_told && !settle.stop;
}

static void *run(void *arg)
{
	int64_t cap_at_ns = 0;
	bool over = false;

	prctl(PR_SET_NAME, "settle");
	prctl(PR_SET_TIMERSLACK, 1);
	while (!over) {
		struct round r = { .upto = 0 };
		uint64_t activity = settle.activity;
		int64_t until;
		bool stop = settle.stop;

		if (is_busy(cap_at_ns, &until)) {
			wait_until(until, &r.look);
			continue;
		}
		if (stop)
			settle_hurry(UINT64_MAX);
		until = round_look(&r);
		over = stop && (!r.b.count || r.in_flight);
		/* with a file that is written for ever every moment is busy: that says nothing */
		cap_at_ns = r.b.count && !r.left_over ? r.b.cap_at_ns : 0;
		/* idle, or waiting for a request's end or a close: that wakes us; else only time, and who hurries */
		settle.asleep = until == INT64_MAX || r.in_flight || r.look.closing;
		if (settle.asleep && settle.activity != activity)
			settle.asleep = false;
		else if (!over)
			wait_until(until, &r.look);
		settle.asleep = false;
		round_done(&r);
	}
	return NULL;
}

int settle_start(const struct settle_options *o, settle_listener *listener, void *arg)
{
	int r;

	settling.journal = observe_journal();
	settling.root_fd = dirs_root();
	settling.dev = makedev(0, shared->config.device_minor);
	settling.quiet_ns = o->quiet_ms * 1000000LL;
	settling.cap_ns = o->cap_ms * 1000000LL;
	settling.listener = listener;
	settling.arg = arg;
	settle.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (settle.event < 0)
		return -errno;
	r = lock_start(shared->config.source, shared->config.mountpoint, settling.root_fd);
	if (r == 0)
		r = -pthread_create(&settle.thread, NULL, run, NULL);
	return r;
}

void settle_stop(void)
{
	settle.stop = true;
	notify();
	pthread_join(settle.thread, NULL);
}

/* ---- on demand ---- */

int settle_compare_now(tick_t upto)
{
	static _Atomic uint64_t known; /* besides the thread's, which has a batch to tell of it */
	AUTO_FREE struct mark *marks = NULL;
	size_t count, in_flight;
	int r;

	tree_expand(observe_journal(), dirs_root());
	tree_lose_track(observe_journal(), &known);
	r = journal_marks(observe_journal(), upto, &marks, &count, &in_flight);
	for (size_t i = 0; r == 0 && i < count; i++)
		publish_intermediate(observe_journal(), dirs_root(), &marks[i]);
	return r;
}
