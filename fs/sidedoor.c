#include "fs/sidedoor.h"
#include "core/base/log.h"
#include "fs/crash.h"
#include "fs/lower.h"
#include "fs/notify.h"
#include "fs/observe.h"
#include "fs/ops.h"
#include "fs/recent.h"
#include "fs/sidedoor_adopt.h"
#include "fs/sidedoor_care.h"
#include "fs/sidedoor_handle.h"
#include "fs/sidedoor_heard.h"
#include "fs/sidedoor_mark.h"
#include "fs/sidedoor_parts.h"
#include "fs/sidedoor_refused.h"
#include "fs/sidedoor_ring.h"
#include "fs/sidedoor_watch.h"
#include "fs/sidedoor_way.h"
#include "fs/untold.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define EVENTS_AT_ONCE 256
#define FULL_S 1 /* so long nothing is marked after there was no room for one */

static pthread_mutex_t marks = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int64_t full_until_s;
static _Atomic uint64_t marked; /* objects, since this worker began */
static pthread_t handler;
static bool on, serving;

void marks_lock(void)
{
	pthread_mutex_lock(&marks);
}

void marks_unlock(void)
{
	pthread_mutex_unlock(&marks);
}

/* ---- what is watched ---- */

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec;
}

static void note_refusal(node_id id, int r)
{
	refused_note(id, r);
	heard_lost();
	if (r != -ENOSPC)
		return;
	if (!atomic_exchange(&full_until_s, now_s() + FULL_S))
		log_warn(
			"event=sidedoor_full marks=%zu hint=\"raise %s; other directories are looked at anew each second\"",
			watch_count(), sidedoor_budget());
}

/*
 * First the entry: an event that comes at once finds it, or the handling thread waits for the lock. Last that it is marked, and before that the count: whoever
 * sees the one sees the other.
 */
static int watch(node_id id, int fd, bool is_dir)
{
	tick_t since = journal_tick(observe_journal()) + 1; /* 0: not known */
	bool sure = false;
	struct hash key;
	int r;

	marks_lock();
	r = mark_key(fd, &key, &sure);
	if (r == 0)
		r = watch_add(id, &key, since);
	if (r == 0) {
		r = mark_make(fd, is_dir);
		if (r < 0)
			watch_drop(id);
	}
	if (r == 0) {
		marked++;
		watch_set(id, WATCH_MARKED | (sure && shared->config.long_cache ? WATCH_SURE : 0));
	}
	marks_unlock();
	if (r < 0)
		note_refusal(id, r);
	else
		refused_over(id);
	if (r == 0 && !sure)
		heard_lost();
	return r;
}

void sidedoor_watch_root(node_id old, int before, int fd)
{
	watch_drop(NODE_ROOT);
	if (old)
		watch(old, before, true);
	watch(NODE_ROOT, fd, true);
}

static bool is_node(node_id id, const struct identity *is)
{
	struct node *n;
	bool same;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	same = n && identity_equal(&n->is, is);
	pthread_mutex_unlock(&table_lock);
	return same;
}

uint64_t sidedoor_marked(void)
{
	return marked;
}

bool sidedoor_is_sure(node_id id)
{
	return on && watch_is(id, WATCH_SURE);
}

static bool wants_own(const struct stat *st)
{
	return S_ISDIR(st->st_mode) || (S_ISREG(st->st_mode) && st->st_nlink > 1);
}

bool sidedoor_found(node_id id, int dirfd, const char *name, uint64_t before, struct stat *st)
{
	bool marked_before = on && wants_own(st) && watch_is(id, WATCH_MARKED);
	struct identity is;
	struct stat now;
	AUTO_FD fd = -1;

	if (!on || !wants_own(st))
		return false;
	if (marked_before && marked == before)
		return watch_is(id, WATCH_SURE);
	if (!marked_before && full_until_s > now_s()) {
		heard_lost();
		return false;
	}
	fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || lower_identify(fd, "", &is, &now) < 0 || !is_node(id, &is))
		return false; /* it has just been replaced, and its directory's mark tells */
	if (!marked_before && (watch(id, fd, S_ISDIR(st->st_mode)) < 0 || lower_identify(fd, "", &is, &now) < 0))
		return false;
	*st = now;
	return watch_is(id, WATCH_SURE);
}

void sidedoor_watch_again(node_id id)
{
	AUTO_FD fd = node_open(id, O_PATH);
	struct hash key, was;
	struct stat st;

	if (!watch_key(id, &was))
		return;
	marks_lock();
	if (fd < 0 || fstat(fd, &st) || mark_key(fd, &key, NULL) < 0 || !hash_equal(&key, &was) ||
	    mark_make(fd, S_ISDIR(st.st_mode)) < 0) {
		watch_clear(id, WATCH_MARKED | WATCH_SURE); /* the next to look it up has it marked */
		heard_lost();
	}
	marks_unlock();
}

void sidedoor_doubt(const char *why)
{
	if (on)
		ring_doubt(why);
}

bool sidedoor_listed(const char *path)
{
	bool watched = on && adopt_path(path);

	if (!watched)
		heard_lost();
	return watched;
}

void sidedoor_forget(struct node *n)
{
	AUTO_BUF path = { 0 };
	struct hash key;
	int r;

	if (!on || !watch_key(table_id(n), &key))
		return;
	watch_drop(table_id(n));
	r = table_path(n, &path);
	if (r != -ENOENT)
		heard_lost(); /* it is there still */
	if (r == 0)
		care_unmark(buf_take(&path), &key);
}

/* ---- the handling thread ---- */

static uint64_t handle_some(struct batch_of_events *b, uint64_t at)
{
	char bytes[EVENT_MOST] __attribute__((aligned(8)));
	bool doubtful;
	size_t len;

	for (int i = 0; i < EVENTS_AT_ONCE && ring_next(&at, bytes, &len, &doubtful); i++) {
		struct event e;

		if (event_parse(bytes, len, &e) == 0)
			handle_event(b, &e, doubtful);
		else
			log_error("event=sidedoor_event_unknown bytes=%zu", len);
	}
	return at;
}

void changed_outside(node_id id)
{
	recent_note(&recent_outside, id);
	notify_invalidate(id);
}

/* The kernel before the journal: whoever is told finds what is there now. */
static void *handle_all(void *arg)
{
	uint64_t at = ring_begin();

	crash_thread();
	prctl(PR_SET_NAME, "sidedoor");
	while (ring_wait(at)) {
		struct batch_of_events b = { .count = 0 };
		uint32_t lost = ring_lost();

		if (lost)
			handle_doubt(&b);
		at = handle_some(&b, at);
		notify_flush();
		batch_tell(&b);
		ring_handled(at);
		if (lost)
			ring_found(lost);
	}
	return NULL;
}

/* ---- begin and end ---- */

int sidedoor_start(void)
{
	const struct worker_config *c = &shared->config;
	int r;

	if (!c->sidedoor)
		return 0;
	fcntl(c->sidedoor_group, F_SETFD, FD_CLOEXEC);
	sidedoor_memory_use();
	r = watch_open();
	if (r < 0)
		return r;
	adopt_again();
	r = care_start();
	if (r < 0)
		return r;
	on = true;
	if (!watch_is(NODE_ROOT, WATCH_MARKED))
		watch(NODE_ROOT, c->root_fd, true);
	return 0;
}

int sidedoor_read(void)
{
	return on ? ring_start() : 0;
}

int sidedoor_serve(void)
{
	int r = on ? -pthread_create(&handler, NULL, handle_all, NULL) : 0;

	serving = on && r == 0;
	return r;
}

void sidedoor_stop(void)
{
	if (!serving)
		return;
	ring_stop();
	/* not waited for: it may wait for the kernel, which is gone */
	pthread_detach(handler);
}

/* ---- who wants to know whether all has been told ---- */

bool sidedoor_ask(struct ring_moment *m)
{
	if (!on)
		return true;
	ring_moment_begin(m);
	return sidedoor_has_told(m);
}

/* What has been found on the way to the source is in doubt before it is quiet. */
bool sidedoor_has_told(struct ring_moment *m)
{
	return way_is_quiet() && ring_moment_is_over(m);
}

void sidedoor_await(int change, void (*progress)(void))
{
	ring_await(change, progress);
}

/* ---- status ---- */

/* What is watched, or not, and how long the kernel believes what it was told. */
json_t *sidedoor_status(void)
{
	const struct worker_config *c = &shared->config;
	struct ring_stats s = ring_stats();
	json_t *o;

	if (!on)
		return json_pack("{s:s,s:s,s:s}", "how", "timeout", "why", c->sidedoor_why, "believed",
				 c->sole_writer ? "day" : "second");
	o = json_pack("{s:s,s:I,s:b,s:I,s:I,s:I,s:I,s:s}", "how", sidedoor_guesses() ? "inotify" : "fanotify", "marks", (json_int_t)watch_count(), "full",
		      full_until_s > now_s(), "refused", (json_int_t)refused_count(), "own", (json_int_t)s.own, "outside",
		      (json_int_t)s.foreign, "overflows", (json_int_t)s.overflows, "believed",
		      c->long_cache ? "day" : "second");
	if (!c->long_cache)
		json_object_set_new(o, "why", json_string(c->short_why));
	json_object_set_new(o, "adopted", json_integer((json_int_t)adopt_count()));
	json_object_set_new(o, "untold", json_integer((json_int_t)untold_count()));
	json_object_set_new(o, "not_watched", refused_list());
	return o;
}
