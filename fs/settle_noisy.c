#include "fs/settle_noisy.h"
#include "core/base/cleanup.h"
#include "core/base/map.h"
#include <string.h>

#define PLACES 64
#define FORGET_NS 30000000000LL

static struct {
	uint64_t hash;
	int64_t until_ns;
} noisy[PLACES];
static int64_t last_until_ns;

void noisy_note(const char *path, int64_t now_ns)
{
	uint64_t hash = bytes_hash(path, strlen(path));
	size_t at = 0;

	/* its own place, else the one that is forgotten first */
	for (size_t i = 0; i < PLACES; i++) {
		if (noisy[i].hash == hash) {
			at = i;
			break;
		}
		if (noisy[i].until_ns < noisy[at].until_ns)
			at = i;
	}
	noisy[at].hash = hash;
	noisy[at].until_ns = last_until_ns = now_ns + FORGET_NS;
}

bool noisy_any(int64_t now_ns)
{
	return last_until_ns > now_ns;
}

bool noisy_is(const char *path, int64_t now_ns)
{
	uint64_t hash = bytes_hash(path, strlen(path));

	for (size_t i = 0; i < PLACES; i++) {
		if (noisy[i].hash == hash)
			return noisy[i].until_ns > now_ns;
	}
	return false;
}
