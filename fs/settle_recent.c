#include "fs/settle_recent.h"
#include "core/base/map.h"
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define PLACES 8192	       /* paths share them */
#define RECENT_NS 5000000000LL /* longer than an event is on its way */

static _Atomic int64_t noted_ns[PLACES];
static _Atomic int64_t begun_ns; /* what was compared before, a dead worker knew */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static _Atomic int64_t *place(const char *path)
{
	return &noted_ns[bytes_hash(path, strlen(path)) % PLACES];
}

void recent_note(const char *path)
{
	*place(path) = now_ns();
}

bool recent_is(const char *path)
{
	int64_t now = now_ns();
	int64_t never = 0;

	atomic_compare_exchange_strong(&begun_ns, &never, now);
	return now - begun_ns < RECENT_NS || (*place(path) && now - *place(path) < RECENT_NS);
}
