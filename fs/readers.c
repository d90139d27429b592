#include "fs/readers.h"
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define READERS_MOST 2
#define LOOK_NS 1000000L
#define LOOKS_MOST 10

/*
 * A gap: nobody reads. Mostly that is over within microseconds, and to wake somebody for it is dearer than the request.
 * So one of those that rest looks from time to time, as long as there are gaps.
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	/* with lock: */
	unsigned reading, resting;
	bool looking;
	uint64_t gaps; /* so far */
} readers = { .lock = PTHREAD_MUTEX_INITIALIZER, .wanted = PTHREAD_COND_INITIALIZER };

static bool request_waits(int device)
{
	struct pollfd p = { device, POLLIN, 0 };

	return poll(&p, 1, 0) > 0;
}

/* With lock. false: nobody has woken this thread */
static bool rest_for_a_look(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += LOOK_NS;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return pthread_cond_clockwait(&readers.wanted, &readers.lock, CLOCK_MONOTONIC, &t) == 0;
}

/* With lock. false: there have been no gaps for a while */
static bool look(int device)
{
	uint64_t seen = readers.gaps;
	bool woken = false;
	int quiet = 0;

	readers.looking = true;
	while (!woken && quiet < LOOKS_MOST) {
		bool same;

		woken = rest_for_a_look();
		same = readers.gaps == seen;
		seen = readers.gaps;
		quiet = same ? quiet + 1 : 0;
		/* those that had a request are busy with it still */
		if (!readers.reading && (same || request_waits(device)))
			break;
	}
	readers.looking = false;
	return woken || !readers.reading;
}

void readers_begin(int device)
{
	pthread_mutex_lock(&readers.lock);
	readers.resting++;
	while (readers.reading >= READERS_MOST) {
		if (!readers.looking && look(device))
			continue;
		pthread_cond_wait(&readers.wanted, &readers.lock);
	}
	readers.resting--;
	readers.reading++;
	pthread_mutex_unlock(&readers.lock);
}

void readers_end(int device, bool takes_long)
{
	bool gap, wake;

	pthread_mutex_lock(&readers.lock);
	readers.reading--;
	gap = !readers.reading && readers.resting;
	readers.gaps += gap;
	wake = gap && (!readers.looking || takes_long);
	pthread_mutex_unlock(&readers.lock);
	if (wake || (gap && request_waits(device)))
		pthread_cond_signal(&readers.wanted);
}
