#include "fs/replay.h"
#include "core/base/log.h"
#include "fs/notify.h"
#include "fs/replay_echo.h"
#include "fs/replay_link.h"
#include "fs/replay_queue.h"
#include "fs/replay_watchers.h"
#include "fs/shared.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define ITEMS_MOST 16384 /* changes that wait; more are not told */
#define NO_IS_GOOD_NS 1000000000LL
#define KNOWN_IS_GOOD_NS 5000000LL
#define YES_IS_GOOD_NS 60000000000LL
#define LOOK_SHARE 20 /* looking takes at most this part of the time */

struct list {
	struct echo_item *first, **last;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct list fresh; /* with lock, as the next three */
	size_t waiting;	   /* also those that the thread holds back */
	uint64_t lost;
	bool stop, running;
	atomic_bool over; /* nothing is told any more */
	pthread_t thread;
	enum replay_mode mode;
	struct watchers watchers; /* the thread's own, as the next */
	struct list held;	  /* in directories that nobody is known to watch */
	_Atomic uint64_t told, refused, watched, looks;
} replay = { .lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER, .over = true };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void list_add(struct list *l, struct echo_item *item)
{
	item->next = NULL;
	if (!l->first)
		l->last = &l->first;
	*l->last = item;
	l->last = &item->next;
}

static struct echo_item *list_take(struct list *l)
{
	struct echo_item *item = l->first;

	if (item)
		l->first = item->next;
	return item;
}

/* ---- from outside ---- */

void replay_change(const struct foreign_change *c)
{
	struct echo_item *item;
	uint64_t lost = 0;

	item = replay.over ? NULL : echo_note(c);
	if (!item)
		return;
	pthread_mutex_lock(&replay.lock);
	if (replay.waiting < ITEMS_MOST) {
		queue_keep(item);
		list_add(&replay.fresh, take_ptr(item));
		replay.waiting++;
		pthread_cond_signal(&replay.news);
	} else {
		lost = ++replay.lost;
	}
	pthread_mutex_unlock(&replay.lock);
	if (item)
		echo_free(item);
	if (lost && !(lost & (lost - 1)))
		log_warn("event=echoes_lost count=%lu why=\"too many changes behind the mount at once\"", lost);
}

/* ---- the thread ---- */

static bool is_watched(node_id id)
{
	return replay.mode == REPLAY_ALWAYS ? id != 0 : watchers_have(&replay.watchers, id);
}

static bool somebody_watches(const struct echo_item *item)
{
	return replay.mode == REPLAY_ALWAYS || is_watched(item->from.dir) || is_watched(item->to.dir) ||
	       is_watched(item->node) || is_watched(item->replaced);
}

static void finish(struct echo_item *item)
{
	pthread_mutex_lock(&replay.lock);
	replay.waiting--;
	queue_done(item);
	pthread_mutex_unlock(&replay.lock);
	echo_free(item);
}

static void give_up(void)
{
	log_error("event=replay_given_up meaning=\"changes behind the mount wake no inotify user inside it any more\"");
	replay.over = true;
}

static void echo(struct echo_item *item)
{
	int r = -ENOTCONN;

	queue_begin(item);
	if (!replay.over)
		r = echo_carry_out(item, is_watched);
	if (r == 0)
		replay.told++;
	else
		replay.refused++;
	if (r == -ENOTCONN && !replay.over)
		give_up();
	finish(item);
}

static void look(bool everybody)
{
	int r = watchers_look(&replay.watchers, shared->config.device_minor, everybody);

	if (r < 0)
		log_warn("event=watchers_not_seen error=\"%s\"", strerror(-r));
	replay.watched = replay.watchers.nodes.count;
	replay.looks += everybody;
}

static int64_t due(int64_t last_ns, int64_t cost_ns, int64_t good_ns)
{
	int64_t share = cost_ns * LOOK_SHARE;

	return last_ns ? last_ns + (share > good_ns ? share : good_ns) : 0;
}

static int64_t due_for_everybody(void)
{
	return due(replay.watchers.seen_ns, replay.watchers.cost_ns, NO_IS_GOOD_NS);
}

/* Those that turn out to be watched are told, late. all: the others by nobody, so they are forgotten. */
static void settle_held(bool all)
{
	struct list left = { 0 };
	struct echo_item *item;

	while ((item = list_take(&replay.held))) {
		if (somebody_watches(item))
			echo(item);
		else if (all)
			finish(item);
		else
			list_add(&left, item);
	}
	replay.held.first = left.first;
	replay.held.last = left.first ? left.last : NULL;
}

/*
 * Most new watches are of a watcher that is known (a directory has been made, and it has seen that): it is asked
 * at once. Everybody is asked when the last answer is too old to say no.
 */
static void ask_for_held(void)
{
	const struct watchers *w = &replay.watchers;

	if (w->count && now_ns() >= due(w->known_ns, w->known_cost_ns, KNOWN_IS_GOOD_NS)) {
		look(false);
		settle_held(false);
	}
	if (replay.held.first && now_ns() >= due_for_everybody()) {
		look(true);
		settle_held(true);
	}
}

static void take_fresh(struct list *fresh)
{
	struct echo_item *item;

	notify_flush(); /* who is woken reads at once, and is to read what is there now */
	while ((item = list_take(fresh))) {
		if (somebody_watches(item))
			echo(item);
		else
			list_add(&replay.held, item);
	}
	if (replay.held.first)
		ask_for_held();
	/* who watched a minute ago may have ended */
	if (replay.watchers.nodes.count && now_ns() - replay.watchers.seen_ns > YES_IS_GOOD_NS)
		look(true);
}

/* With the lock: until there is something to do. */
static void wait_for_news(void)
{
	while (!replay.stop && !replay.fresh.first) {
		struct timespec until;
		int64_t wait = due_for_everybody() - now_ns();

		if (!replay.held.first) {
			pthread_cond_wait(&replay.news, &replay.lock);
			continue;
		}
		if (wait <= 0)
			break;
		/* this clock, since the thread sanitizer knows no other */
		clock_gettime(CLOCK_REALTIME, &until);
		wait += until.tv_nsec;
		until.tv_sec += wait / 1000000000;
		until.tv_nsec = wait % 1000000000;
		pthread_cond_timedwait(&replay.news, &replay.lock, &until);
	}
}

static void *run(void *arg)
{
	prctl(PR_SET_NAME, "replay");
	pthread_mutex_lock(&replay.lock);
	while (!replay.stop) {
		struct list fresh;

		wait_for_news();
		fresh = replay.fresh;
		replay.fresh = (struct list){ 0 };
		pthread_mutex_unlock(&replay.lock);
		take_fresh(&fresh);
		pthread_mutex_lock(&replay.lock);
	}
	pthread_mutex_unlock(&replay.lock);
	return NULL;
}

static void inherit(struct echo_item *item)
{
	list_add(&replay.fresh, item);
	replay.waiting++;
}

int replay_start(enum replay_mode mode, int control)
{
	int r;

	replay.mode = mode;
	if (mode == REPLAY_NEVER)
		return 0;
	queue_inherit(inherit);
	replay.over = false; /* before the thread, which may have something to tell at once */
	r = helper_link_open(control);
	if (r == 0)
		r = -pthread_create(&replay.thread, NULL, run, NULL);
	replay.running = r == 0;
	return r;
}

void replay_use_helper(int fd)
{
	helper_link_use(fd);
}

void replay_stop(void)
{
	if (!replay.running)
		return;
	pthread_mutex_lock(&replay.lock);
	replay.stop = true;
	replay.over = true;
	pthread_cond_signal(&replay.news);
	pthread_mutex_unlock(&replay.lock);
	helper_link_cancel();
	pthread_join(replay.thread, NULL);
}

json_t *replay_status(void)
{
	static const char *const modes[] = { "auto", "always", "never" };
	uint64_t waiting, lost;

	pthread_mutex_lock(&replay.lock);
	waiting = replay.waiting;
	lost = replay.lost;
	pthread_mutex_unlock(&replay.lock);
	return json_pack("{s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I}", "mode", modes[replay.mode], "works", !replay.over,
			 "watched", (json_int_t)replay.watched, "looks", (json_int_t)replay.looks, "told",
			 (json_int_t)replay.told, "refused", (json_int_t)replay.refused, "waiting", (json_int_t)waiting,
			 "lost", (json_int_t)lost);
}
