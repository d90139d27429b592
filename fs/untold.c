#include "fs/untold.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "fs/crash.h"
#include "fs/notify.h"
#include "fs/sidedoor.h"
#include "fs/table.h"
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define KEPT_S 1
#define WAITING_MOST 100000 /* beyond that, pages are dropped at once */

struct read_file {
	node_id id;
	int64_t due_ns;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct read_file waiting[WAITING_MOST]; /* with lock, a ring; sparse memory */
static size_t first, count;
static _Atomic size_t untold;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- attributes ---- */

static uint64_t stamp(const struct stat *st)
{
	int64_t all[] = { st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ctim.tv_sec, st->st_ctim.tv_nsec, st->st_size };

	return bytes_hash(all, sizeof(all)) | 1; /* 0: not known */
}

static void set_untold(struct local *l, bool is)
{
	if (l->untold != is)
		untold += is ? 1 : (size_t)-1;
	l->untold = is;
}

void untold_attributes(node_id id, const struct stat *st, bool sure, bool known)
{
	uint64_t now = stamp(st);
	bool differs = false;
	struct node *n;

	if (!shared->config.long_cache || !S_ISREG(st->st_mode))
		return;
	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n) {
		struct local *l = table_local(table_index(n));

		/* also of one that was told of, and is from now on: in between it was not */
		if (l->untold)
			differs = l->stamp != now;
		else
			differs = !sure && known;
		set_untold(l, !sure);
		l->stamp = sure ? 0 : now;
	}
	pthread_mutex_unlock(&table_lock);
	if (differs)
		notify_pages(id, true);
}

void untold_forget(struct local *l)
{
	set_untold(l, false);
}

/* ---- pages ---- */

static bool is_to_wait(node_id id)
{
	bool is = false;
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n) {
		struct local *l = table_local(table_index(n));

		is = l->untold && !l->has_pages;
		l->has_pages |= is;
	}
	pthread_mutex_unlock(&table_lock);
	return is;
}

void untold_read(node_id id)
{
	bool full;

	if (!shared->config.long_cache || !is_to_wait(id))
		return;
	pthread_mutex_lock(&lock);
	full = count == WAITING_MOST;
	if (!full) {
		waiting[(first + count) % WAITING_MOST] = (struct read_file){ id, now_ns() + KEPT_S * 1000000000LL };
		count++;
		pthread_cond_signal(&more);
	}
	pthread_mutex_unlock(&lock);
	if (full)
		notify_pages(id, false);
}

static node_id next(void)
{
	struct read_file f;
	int64_t left;

	pthread_mutex_lock(&lock);
	while (!count)
		pthread_cond_wait(&more, &lock);
	f = waiting[first];
	first = (first + 1) % WAITING_MOST;
	count--;
	pthread_mutex_unlock(&lock);
	left = f.due_ns - now_ns();
	if (left > 0)
		nanosleep(&(struct timespec){ left / 1000000000, left % 1000000000 }, NULL);
	return f.id;
}

/* Noted first: what is read from here on waits anew. */
static void drop(node_id id)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n)
		table_local(table_index(n))->has_pages = false;
	pthread_mutex_unlock(&table_lock);
	notify_pages(id, false);
}

/* ---- a successor ---- */

/* With table_lock. */
static bool may_be_untold(const struct node *n)
{
	if (sidedoor_is_sure(table_id(n)))
		return false;
	for (uint32_t r = n->names; r; r = table_name(r)->next_of_node) {
		if (!sidedoor_is_sure(table_id(table_at(table_name(r)->dir))))
			return true;
	}
	return !n->names;
}

/* What comes behind it of regular files; 0: there is none. */
static uint32_t next_file(uint32_t index, node_id *id, bool note)
{
	struct node *n = NULL;

	pthread_mutex_lock(&table_lock);
	while ((index = table_next(index)) && !S_ISREG((n = table_at(index))->is.type))
		;
	if (index)
		*id = table_id(n);
	if (index && note && may_be_untold(n))
		set_untold(table_local(index), true);
	pthread_mutex_unlock(&table_lock);
	return index;
}

/* Notices that a dead worker owed are lost, about its own appends too. */
static void *drop_old(void *arg)
{
	node_id id;

	crash_thread();
	prctl(PR_SET_NAME, "untold");
	if (shared->generation > 1) {
		for (uint32_t i = next_file(0, &id, false); i; i = next_file(i, &id, false))
			notify_pages(id, false);
	}
	for (;;)
		drop(next());
	return NULL;
}

int untold_start(void)
{
	pthread_t thread;
	node_id id;
	int r;

	if (!shared->config.long_cache)
		return 0;
	for (uint32_t i = next_file(0, &id, true); i; i = next_file(i, &id, true))
		;
	r = -pthread_create(&thread, NULL, drop_old, NULL);
	if (r == 0)
		pthread_detach(thread);
	return r;
}

size_t untold_count(void)
{
	return untold;
}
