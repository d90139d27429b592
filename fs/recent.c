#include "fs/recent.h"
#include "core/base/map.h"
#include "fs/shared.h"
#include <string.h>
#include <time.h>

#define RECENT_NS 5000000000LL /* longer than an event, or a request, is on its way */

struct recent recent_compared, recent_outside, recent_made;
static _Atomic int64_t begun_ns; /* what was noted before, a dead worker knew */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void recent_note(struct recent *r, uint64_t key)
{
	r->noted_ns[key % RECENT_PLACES] = now_ns();
}

static bool is_new_successor(int64_t now)
{
	int64_t never = 0;

	if (shared->generation <= 1)
		return false;
	atomic_compare_exchange_strong(&begun_ns, &never, now);
	return now - begun_ns < RECENT_NS;
}

bool recent_is(const struct recent *r, uint64_t key)
{
	int64_t noted = r->noted_ns[key % RECENT_PLACES], now = now_ns();

	return (noted && now - noted < RECENT_NS) || is_new_successor(now);
}

uint64_t recent_path(const char *path)
{
	return bytes_hash(path, strlen(path));
}
