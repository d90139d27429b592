#include "fs/settle.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/dirs.h"
#include "fs/hold.h"
#include "fs/observe.h"
#include "fs/observe_trace.h"
#include "fs/settle_lock.h"
#include "fs/settle_look.h"
#include "fs/settle_noisy.h"
#include "fs/settle_publish.h"
#include "fs/settle_tree.h"
#include "fs/shared.h"
#include "fs/writer.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <time.h>

#define BACK_OFF_FIRST_NS 1000000LL
#define BACK_OFF_LAST_NS 32000000LL

static struct {
	struct journal *journal;
	int root_fd;
	dev_t dev;
	int64_t quiet_ns, cap_ns;
	settle_listener *listener;
	void *arg;
	pthread_t thread;
	int event;
	int64_t back_off_ns;
	tick_t hurry_told; /* who hurried up to here has been answered */
	/* of other threads too: */
	atomic_bool asleep;  /* the next request that ends is to write to the event */
	atomic_bool telling; /* marks are going, the listener has not been told yet */
	atomic_bool stop;
	_Atomic uint64_t activity; /* counts ended requests */
	_Atomic int64_t last_ns;   /* when the last one ended */
	_Atomic tick_t hurry, done;
} settle = { .event = -1 };

/* One look at all marks. */
struct round {
	struct mark *marks;
	struct rule_batch b;
	struct look look;
	tick_t upto;
	bool in_flight;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void notify(void)
{
	uint64_t one = 1;

	if (write(settle.event, &one, sizeof(one)) != sizeof(one))
		log_debug("event=settle_wake_failed");
}

void settle_wake(void)
{
	atomic_store_explicit(&settle.last_ns, now_ns(), memory_order_relaxed);
	settle.activity++;
	if (settle.asleep && atomic_exchange(&settle.asleep, false))
		notify();
}

void settle_hurry(tick_t upto)
{
	tick_t now = settle.hurry;

	while (now < upto && !atomic_compare_exchange_weak(&settle.hurry, &now, upto))
		;
	notify();
}

tick_t settle_done(void)
{
	struct journal_stats stats;
	tick_t tick = journal_tick(settle.journal);

	journal_stats(settle.journal, &stats);
	/* in this order: marks go only while telling is set */
	if (!stats.marks && !settle.telling)
		return tick;
	return settle.done;
}

/* ---- a round ---- */

static void list_done(struct round *r)
{
	free(r->marks);
	free(r->b.marks);
	r->marks = NULL;
	r->b.marks = NULL;
	r->b.count = 0;
}

static void round_done(struct round *r)
{
	list_done(r);
	look_done(&r->look);
}

static bool is_left_over(const struct mark *m, int64_t now)
{
	AUTO_BUF path = { 0 };

	if (trace_of(m->index, m->first).left_over)
		return true;
	return noisy_any(now) && journal_mark_path(settle.journal, m->index, &path) == 0 && noisy_is(buf_str(&path), now);
}

static int list(struct round *r)
{
	size_t count, in_flight;
	tick_t hurry = settle.hurry;
	int e;

	r->upto = journal_tick(settle.journal);
	e = journal_marks(settle.journal, r->upto, &r->marks, &count, &in_flight);
	if (e < 0)
		return e;
	r->b.marks = calloc(count + 1, sizeof(*r->b.marks));
	if (!r->b.marks)
		return -ENOMEM;
	r->b.count = count;
	for (size_t i = 0; i < count; i++) {
		const struct mark *m = &r->marks[i];

		r->b.marks[i] = (struct rule_mark){
			.first_ns = m->first_ns,
			.last_ns = m->last_ns,
			.in_flight = m->in_flight > 0,
			.hurried = m->first <= hurry,
			.left_over = is_left_over(m, r->b.now_ns),
		};
		r->in_flight |= m->in_flight > 0;
		r->b.git |= strcmp(m->writer.command, "git") == 0;
	}
	return 0;
}

/* What lies below directories that have moved comes in only now: they may have moved back until now. */
static int list_whole(struct round *r)
{
	if (!tree_expand(settle.journal, settle.root_fd))
		return 0;
	list_done(r);
	return list(r);
}

static bool mark_lives(uint32_t mark, tick_t first, void *arg)
{
	struct mark m;

	return journal_mark(settle.journal, mark, &m) && m.first == first;
}

static void tell(struct telling *t, tick_t done)
{
	struct timespec wall;
	struct batch batch = {
		.from = settle.done,
		.to = done,
		.first_ns = t->first_ns,
		.settled_ns = now_ns(),
		.count = t->count,
		.changes = t->changes,
		.truncated = t->truncated,
	};

	clock_gettime(CLOCK_REALTIME, &wall);
	batch.time_ms = wall.tv_sec * 1000LL + wall.tv_nsec / 1000000;
	settle.listener(&batch, settle.arg);
	settle.done = done; /* only now: who asks finds the batch told */
}

/* What is left behind when others are told holds up nobody any more. */
static void leave_over(const struct round *r)
{
	if (!r->b.capped)
		return;
	for (size_t i = 0; i < r->b.count; i++) {
		if (r->b.marks[i].verdict == VERDICT_WAIT && !r->b.marks[i].left_over &&
		    r->b.now_ns - r->b.marks[i].first_ns >= r->b.cap_ns)
			trace_leave_over(r->marks[i].index, r->marks[i].first);
	}
	lock_give_up();
}

static void note_noisy(const struct round *r, size_t i, const struct telling *t)
{
	if (r->b.marks[i].verdict == VERDICT_PUBLISH_OPEN && r->b.marks[i].left_over && t->count &&
	    r->b.now_ns - r->b.marks[i].last_ns < r->b.cap_ns)
		noisy_note(t->changes[t->count - 1].path, r->b.now_ns);
}

/* The batch is told when it says something, or when somebody waits to hear how far everything has settled. */
static void tell_if_wanted(struct telling *t, tick_t done)
{
	tick_t hurry = settle.hurry;
	bool answered = hurry > settle.hurry_told && done >= (hurry < UINT64_MAX ? hurry : 0);

	if (answered)
		settle.hurry_told = hurry;
	if (t->count || t->truncated || answered)
		tell(t, done);
	else
		settle.done = done;
}

/*
 * What stays is older than what is told: batches go on all the same, and it comes with a later one,
 * also to whoever takes this one's clock.
 */
static tick_t go_on_without(const struct round *r)
{
	tick_t tick = journal_take_tick(settle.journal);

	for (size_t i = 0; i < r->b.count; i++) {
		struct mark m;

		if (journal_mark(settle.journal, r->marks[i].index, &m) && m.first == r->marks[i].first)
			journal_mark_stays(settle.journal, m.index);
	}
	return tick;
}

/* Publishes what the verdicts say; what remains decides how far everything has settled. */
static void publish(struct round *r)
{
	struct telling t = { .journal = settle.journal, .root_fd = settle.root_fd, .dev = settle.dev };
	tick_t done = r->upto;
	bool all = true;

	settle.telling = true;
	for (size_t i = 0; i < r->b.count; i++) {
		enum verdict v = r->b.marks[i].verdict;

		if (v != VERDICT_WAIT && telling_add(&t, &r->marks[i], v == VERDICT_PUBLISH_OPEN)) {
			note_noisy(r, i, &t);
			continue;
		}
		all = false;
		if (r->marks[i].first <= done)
			done = r->marks[i].first - 1;
	}
	if (done <= settle.done && t.count)
		done = go_on_without(r);
	t.truncated |= tree_incomplete();
	telling_complete(&t);
	if (all) {
		writer_next_batch();
		hold_sweep(mark_lives, NULL);
	}
	tell_if_wanted(&t, done);
	settle.telling = false;
	telling_done(&t);
}

/* Up to the first mark everything has settled. */
static void note_done(const struct round *r)
{
	struct telling none = { .truncated = tree_incomplete() };
	tick_t done = r->b.count ? r->marks[0].first - 1 : r->upto;

	if (done > settle.done || none.truncated || settle.hurry > settle.hurry_told)
		tell_if_wanted(&none, done > settle.done ? done : settle.done);
}

static int64_t back_off(const struct round *r)
{
	int64_t wait = settle.back_off_ns;

	if (!r->look.again)
		return INT64_MAX;
	if (settle.back_off_ns < BACK_OFF_LAST_NS)
		settle.back_off_ns *= 2;
	return now_ns() + wait;
}

/* Looks, publishes what is over; when to look again (INT64_MAX: when something happens). */
static int64_t look_once(struct round *r)
{
	int64_t again;

	r->b.now_ns = now_ns();
	r->b.quiet_ns = settle.quiet_ns;
	r->b.cap_ns = settle.cap_ns;
	if (list(r) < 0)
		return r->b.now_ns + BACK_OFF_LAST_NS; /* no memory */
	note_done(r);
	if (!r->b.count)
		return INT64_MAX;
	if (!rules_worth_a_look(&r->b))
		return r->b.until_ns;
	if (list_whole(r) < 0)
		return r->b.now_ns + BACK_OFF_LAST_NS;
	look_around(&r->look, &r->b, r->marks, settle.journal, settle.root_fd, settle.dev);
	if (rules_decide(&r->b)) {
		leave_over(r);
		publish(r);
		settle.back_off_ns = BACK_OFF_FIRST_NS;
		return 0; /* what came meanwhile */
	}
	leave_over(r);
	again = back_off(r);
	return again < r->b.until_ns ? again : r->b.until_ns;
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
	int64_t left = until == INT64_MAX ? -1 : until - now_ns();
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
	int64_t now = now_ns();

	*until = last + settle.quiet_ns;
	return now < *until && *until < cap_at_ns && settle.hurry <= settle.hurry_told && !settle.stop;
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
		until = look_once(&r);
		over = stop && (!r.b.count || r.in_flight);
		cap_at_ns = r.b.count ? r.b.cap_at_ns : 0;
		/* idle, or waiting for a request's end: that wakes us; else only time, and who hurries */
		settle.asleep = until == INT64_MAX || r.in_flight;
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

	settle.journal = observe_journal();
	settle.root_fd = dirs_root();
	settle.dev = makedev(0, shared->config.device_minor);
	settle.quiet_ns = o->quiet_ms * 1000000LL;
	settle.cap_ns = o->cap_ms * 1000000LL;
	settle.listener = listener;
	settle.arg = arg;
	settle.back_off_ns = BACK_OFF_FIRST_NS;
	settle.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (settle.event < 0)
		return -errno;
	r = lock_start(shared->config.source, shared->config.mountpoint, settle.root_fd);
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
	AUTO_FREE struct mark *marks = NULL;
	size_t count, in_flight;
	int r;

	tree_expand(settle.journal, settle.root_fd);
	r = journal_marks(settle.journal, upto, &marks, &count, &in_flight);
	for (size_t i = 0; r == 0 && i < count; i++)
		publish_intermediate(settle.journal, settle.root_fd, &marks[i]);
	return r;
}
