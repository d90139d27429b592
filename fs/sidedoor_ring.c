#include "fs/sidedoor_ring.h"
#include "core/base/log.h"
#include "fs/crash.h"
#include "fs/shared.h"
#include "fs/sidedoor_inotify.h"
#include "fs/sidedoor_mark.h"
#include "fs/sidedoor_memory.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define ALIGN(n) (((n) + 7) & ~(size_t)7)
#define REST_NS 500000 /* with nothing but events of our own, which come several to an operation */

struct entry {	      /* in the ring, aligned to 8 bytes; it never wraps */
	uint32_t len; /* of the event behind it; 0: go on at the begin */
	uint32_t doubtful;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static bool stopped; /* with lock */
static _Atomic uint64_t own, foreign, overflows;
/* the reader's: calls of read() begun, and over with what they gave put away; the last one that found nothing */
static _Atomic uint64_t calls_begun, calls_over, call_without;
static _Atomic uint64_t events; /* taken from the queue and put away */
static atomic_int awaited;
static void (*_Atomic on_progress)(void);

void ring_progress(void)
{
	if (awaited)
		on_progress();
}

static void wake(void)
{
	pthread_mutex_lock(&lock);
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

void ring_doubt(const char *why)
{
	if (sidedoor_memory->lost++ == 0)
		log_info("event=sidedoor_doubt why=%s meaning=\"everything is compared\"", why);
	wake();
}

/* ---- the reader ---- */

static bool has_room(size_t need)
{
	return sidedoor_memory->head + need - sidedoor_memory->tail <= SIDEDOOR_RING;
}

static void lose(void)
{
	overflows++;
	ring_doubt("overflow");
}

/* Published by one store of head. */
static void put(const char *event, size_t len, bool doubtful)
{
	uint64_t head = sidedoor_memory->head;
	size_t at = head % SIDEDOOR_RING;
	size_t need = sizeof(struct entry) + ALIGN(len);
	struct entry *e = (struct entry *)(sidedoor_memory->ring + at);

	if (at + need > SIDEDOOR_RING) {
		if (!has_room(SIDEDOOR_RING - at + need)) {
			lose();
			return;
		}
		e->len = 0;
		head += SIDEDOOR_RING - at;
		e = (struct entry *)sidedoor_memory->ring;
	} else if (!has_room(need)) {
		lose();
		return;
	}
	memcpy(e + 1, event, len);
	*e = (struct entry){ (uint32_t)len, doubtful };
	atomic_store(&sidedoor_memory->head, head + need);
}

static bool is_own(pid_t pid)
{
	for (uint32_t i = 0; i < sidedoor_memory->reader_count; i++) {
		if (pid == sidedoor_memory->readers[i])
			return true;
	}
	return false;
}

/* An ordinary user's group tells no pid of a process that is gone: it may have been a worker of ours. */
static bool is_doubtful(pid_t pid)
{
	return pid == 0 && sidedoor_memory->reader_count > 1;
}

static void take(const char *event, size_t len)
{
	struct fanotify_event_metadata m;

	memcpy(&m, event, sizeof(m));
	if (m.mask & FAN_Q_OVERFLOW) {
		lose();
	} else if (is_own(m.pid)) {
		own++;
	} else {
		foreign++;
		put(event, len, is_doubtful(m.pid));
	}
}

/* Whose it was is not told: it is for the handling thread to guess. */
static void take_inotify(const char *event)
{
	_Alignas(8) char translated[EVENT_MOST];
	size_t len = inotify_translate(event, translated);

	if (inotify_is_overflow(event)) {
		lose();
	} else if (len) {
		foreign++;
		put(translated, len, true);
	}
}

static size_t length_of(const char *p, size_t left)
{
	return sidedoor_guesses() ? inotify_length(p, left) : event_length(p, left);
}

/* Everything that is in the buffer into the ring, then zeros into the buffer. */
static void empty_buffer(void)
{
	char *p = sidedoor_memory->buffer;
	size_t at = 0, len;

	while ((len = length_of(p + at, SIDEDOOR_READ - at))) {
		if (sidedoor_guesses())
			take_inotify(p + at);
		else
			take(p + at, len);
		at += len;
		events++;
	}
	atomic_store(&sidedoor_memory->handled, 1);
	memset(p, 0, at);
	atomic_store(&sidedoor_memory->handled, 0);
}

void ring_inherit(void)
{
	if (!sidedoor_memory->handled)
		empty_buffer();
	memset(sidedoor_memory->buffer, 0, SIDEDOOR_READ);
	atomic_store(&sidedoor_memory->handled, 0);
}

/* The queue is empty: what a dead worker has caused has been read. */
static void forget_old_readers(void)
{
	if (sidedoor_memory->reader_count == 1)
		return;
	sidedoor_memory->readers[0] = getpid();
	__atomic_store_n(&sidedoor_memory->reader_count, 1, __ATOMIC_SEQ_CST);
}

static int remember_reader(void)
{
	uint32_t n = sidedoor_memory->reader_count;

	if (n == SIDEDOOR_READERS) { /* none of them has ever come to the end of the queue */
		lose();
		n = SIDEDOOR_READERS - 1;
	}
	sidedoor_memory->readers[n] = getpid();
	__atomic_store_n(&sidedoor_memory->reader_count, n + 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* How many bytes; 0: there is nothing to be read now. *others: some were not our own. -errno */
static int read_some(int group, bool *others)
{
	uint64_t call = ++calls_begun, head = sidedoor_memory->head;
	ssize_t n = read(group, sidedoor_memory->buffer, SIDEDOOR_READ);
	int r = n < 0 ? -errno : (int)n;

	if (n > 0) {
		empty_buffer();
		*others = sidedoor_memory->head != head;
		if (*others)
			wake();
	} else if (r == -EAGAIN) {
		call_without = call;
		r = 0;
	}
	calls_over = call;
	ring_progress();
	return r == -EINTR ? 1 : r;
}

static void *read_all(void *arg)
{
	int group = shared->config.sidedoor_group;
	const struct timespec rest = { .tv_nsec = REST_NS };
	struct pollfd p = { group, POLLIN, 0 };
	bool others = true;
	int r;

	crash_thread();
	prctl(PR_SET_NAME, "sidedoor-read");
	while ((r = read_some(group, &others)) >= 0) {
		if (r > SIDEDOOR_READ / 2 || (r > 0 && (others || awaited)))
			continue;
		if (r == 0) {
			forget_old_readers();
			poll(&p, 1, -1);
		}
		/* a busy mount is not to be held up by waking this thread for each of its own stores */
		if (!others && !awaited)
			nanosleep(&rest, NULL);
	}
	log_error("event=sidedoor_read_failed error=\"%s\"", strerror(-r));
	lose();
	return NULL;
}

int ring_start(void)
{
	pthread_t thread;
	int r;

	remember_reader();
	ring_inherit();
	r = -pthread_create(&thread, NULL, read_all, NULL);
	if (r == 0)
		pthread_detach(thread);
	return r;
}

/* ---- the other end ---- */

static bool is_empty(uint64_t at)
{
	return at >= sidedoor_memory->head;
}

uint64_t ring_begin(void)
{
	return sidedoor_memory->tail;
}

bool ring_wait(uint64_t at)
{
	bool go_on;

	pthread_mutex_lock(&lock);
	while (!stopped && is_empty(at) && !sidedoor_memory->lost)
		pthread_cond_wait(&more, &lock);
	go_on = !stopped;
	pthread_mutex_unlock(&lock);
	return go_on;
}

bool ring_next(uint64_t *at, char bytes[static EVENT_MOST], size_t *len, bool *doubtful)
{
	const struct entry *e;

	if (is_empty(*at))
		return false;
	e = (const struct entry *)(sidedoor_memory->ring + *at % SIDEDOOR_RING);
	if (!e->len) {
		*at += SIDEDOOR_RING - *at % SIDEDOOR_RING;
		e = (const struct entry *)sidedoor_memory->ring;
	}
	*len = e->len;
	*doubtful = e->doubtful;
	memcpy(bytes, e + 1, e->len);
	*at += sizeof(*e) + ALIGN(e->len);
	return true;
}

void ring_handled(uint64_t at)
{
	atomic_store(&sidedoor_memory->tail, at);
	ring_progress();
}

uint32_t ring_lost(void)
{
	return sidedoor_memory->lost;
}

void ring_found(uint32_t lost)
{
	atomic_compare_exchange_strong(&sidedoor_memory->lost, &lost, 0);
	ring_progress();
}

void ring_stop(void)
{
	pthread_mutex_lock(&lock);
	stopped = true;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

/* ---- how far it has come ---- */

/* Events leave the queue in the order in which they came: so many more, and what is in it now is out. */
void ring_moment_begin(struct ring_moment *m)
{
	int bytes = 0;

	*m = (struct ring_moment){ .stage = MOMENT_READING };
	if (ioctl(shared->config.sidedoor_group, FIONREAD, &bytes))
		bytes = INT_MAX;
	m->queued = (uint64_t)bytes / FAN_EVENT_METADATA_LEN; /* of each the kernel counts no more */
	m->calls = calls_begun;				      /* only now: those that have taken some */
}

bool ring_moment_is_over(struct ring_moment *m)
{
	if (m->stage == MOMENT_READING && calls_over >= m->calls) {
		m->events = events + m->queued;
		m->stage = MOMENT_COUNTING;
	}
	/* a call that began later and found nothing will do too: the other may have counted some twice */
	if (m->stage == MOMENT_COUNTING && (events >= m->events || call_without > m->calls)) {
		m->upto = sidedoor_memory->head;
		m->stage = MOMENT_HANDLING;
	}
	if (m->stage == MOMENT_HANDLING && sidedoor_memory->tail >= m->upto && !sidedoor_memory->lost)
		m->stage = MOMENT_OVER;
	return m->stage == MOMENT_OVER;
}

void ring_await(int change, void (*fn)(void))
{
	on_progress = fn;
	awaited += change;
}

struct ring_stats ring_stats(void)
{
	return (struct ring_stats){ own, foreign, overflows };
}
