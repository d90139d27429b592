#include "fs/window_recent.h"
#include "core/base/cleanup.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define THREADS 256
#define RECENT_MS 100  /* one that has waited for a processor so long is not thought of */
#define RAN_NS 50000   /* more than it takes to take an answer in */
#define WAIT_MS 200
#define LOOK_NS 500000

struct asker {
	pid_t tid;
	int64_t at_ms;
};

struct doubt { /* one that perhaps has not run since */
	pid_t tid;
	unsigned long long ran_ns, times;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct asker askers[THREADS]; /* with lock */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void recent_answer(pid_t tid)
{
	if (tid <= 0)
		return;
	pthread_mutex_lock(&lock);
	askers[(unsigned)tid % THREADS] = (struct asker){ tid, now_ms() };
	pthread_mutex_unlock(&lock);
}

static bool read_file(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];
	AUTO_FD fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, size - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

/* Who sleeps has run since it was woken; who is gone too. */
static bool wants_to_run(pid_t tid)
{
	char text[512];
	const char *end;

	if (!read_file(tid, "stat", text, sizeof(text)))
		return false;
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'R';
}

static bool times_of(pid_t tid, struct doubt *d)
{
	unsigned long long waited;
	char text[128];

	return read_file(tid, "schedstat", text, sizeof(text)) &&
	       sscanf(text, "%llu %llu %llu", &d->ran_ns, &waited, &d->times) == 3;
}

static bool has_run(const struct doubt *d)
{
	struct doubt now = { 0 };

	if (!wants_to_run(d->tid) || !times_of(d->tid, &now))
		return true;
	return now.times != d->times || now.ran_ns >= d->ran_ns + RAN_NS;
}

static size_t collect(struct doubt out[static THREADS])
{
	int64_t since = now_ms() - RECENT_MS;
	struct asker all[THREADS];
	size_t count = 0;

	pthread_mutex_lock(&lock);
	memcpy(all, askers, sizeof(all));
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < THREADS; i++) {
		struct doubt d = { .tid = all[i].tid };

		if (d.tid && all[i].at_ms >= since && times_of(d.tid, &d) && wants_to_run(d.tid))
			out[count++] = d;
	}
	return count;
}

bool recent_wait(void)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	struct doubt doubts[THREADS];
	size_t count = collect(doubts);
	int64_t end = now_ms() + WAIT_MS;

	while (count) {
		if (has_run(&doubts[count - 1])) {
			count--;
			continue;
		}
		if (now_ms() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}
