#include "fs/window_negative.h"
#include "core/base/map.h"
#include "fs/notify.h"
#include "fs/shared.h"
#include <pthread.h>
#include <string.h>
#include <time.h>

#define NAMES_MAX 65536
#define NAME_SIZE (sizeof(node_id) + NAME_MAX + 1)
#define DAY_MS (24 * 3600 * 1000LL)
#define ROOM (ABSENT_HALF / 4 * 3)

static pthread_mutex_t walking =
	PTHREAD_MUTEX_INITIALIZER; /* whoever waits for it is to see all of them; outside lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map names;     /* with lock: id and name -> until when, in ms */
static int64_t pruned_at_ms; /* with lock */
static unsigned away; /* with lock: walks under way; what they hold is not in names, and perhaps still believed */
static size_t kept;   /* with lock: names in the half in force, also such as are good no more */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* The good ones go over into a new map; once in a while only, for it looks at all. */
static void prune(int64_t now)
{
	struct map good = { 0 };
	struct map_entry *e = NULL;

	if (now - pruned_at_ms < 1000)
		return;
	pruned_at_ms = now;
	while ((e = map_next(&names, e))) {
		if ((int64_t)(uintptr_t)e->value >= now && map_put(&good, e->key, e->key_len, e->value) < 0) {
			map_done(&good);
			return;
		}
	}
	map_done(&names);
	names = good;
}

/* ---- for a successor; with lock ---- */

/* longer than a successor waits */
static bool is_long(int64_t until, int64_t now)
{
	return until > now + NEGATIVE_SHORT_MS;
}

/* key: as in names. Published by the last store. false: there is no room */
static bool append(unsigned half, const char *key, size_t key_len)
{
	uint32_t at = shared_absent->used[half];
	char *to = shared_absent->half[half] + at;

	if (ABSENT_HALF - at <= key_len)
		return false;
	memcpy(to, key, sizeof(node_id));
	to[sizeof(node_id)] = (char)(key_len - sizeof(node_id));
	memcpy(to + sizeof(node_id) + 1, key + sizeof(node_id), key_len - sizeof(node_id));
	shared_absent->used[half] = at + (uint32_t)key_len + 1;
	return true;
}

/* Those that are still good go over to the other half; where half are not, for it looks at all. */
static void sift(int64_t now)
{
	unsigned to = !shared_absent->current;
	struct map_entry *e = NULL;
	size_t count = 0;

	if (away || names.count > kept / 2)
		return;
	shared_absent->used[to] = 0;
	while ((e = map_next(&names, e))) {
		if (!is_long((int64_t)(uintptr_t)e->value, now))
			continue;
		if (!append(to, e->key, e->key_len))
			return;
		count++;
	}
	shared_absent->current = to;
	kept = count;
}

static bool has_room(int64_t now)
{
	if (shared_absent->used[shared_absent->current] >= ROOM) {
		prune(now);
		sift(now);
	}
	return shared_absent->used[shared_absent->current] < ROOM;
}

static bool keep(const char *key, size_t key_len, int64_t now)
{
	has_room(now);
	if (!append(shared_absent->current, key, key_len))
		return false;
	kept++;
	return true;
}

/* until then the kernel believes it: a little longer than it counts itself, and never 0 */
static bool put(const char *key, size_t key_len, int64_t until)
{
	return map_put(&names, key, key_len, (void *)(uintptr_t)(until + 10)) == 0;
}

/* false: not all could be taken */
static bool inherit(const char *at, const char *end)
{
	int64_t until = now_ms() + DAY_MS;
	char key[NAME_SIZE];
	bool all = true;

	while (at < end) {
		size_t len = (unsigned char)at[sizeof(node_id)];

		memcpy(key, at, sizeof(node_id));
		memcpy(key + sizeof(node_id), at + sizeof(node_id) + 1, len);
		all = put(key, sizeof(node_id) + len, until) && all;
		kept++;
		at += sizeof(node_id) + 1 + len;
	}
	return all;
}

void negative_start(bool first)
{
	unsigned half = shared_absent->current;
	const char *from = shared_absent->half[half];

	pthread_mutex_lock(&lock);
	if (first)
		shared_absent->whole = true;
	else if (!inherit(from, from + shared_absent->used[half]))
		shared_absent->whole = false;
	pthread_mutex_unlock(&lock);
}

bool negative_is_whole(void)
{
	return shared_absent->whole;
}

void negative_set_whole(void)
{
	shared_absent->whole = true;
}

/* ---- names ---- */

bool negative_note(node_id dir, const char *name, double timeout_s)
{
	int64_t now = now_ms(), until = now + (int64_t)(timeout_s * 1000);
	char key[NAME_SIZE];
	size_t key_len = sizeof(dir) + strlen(name);
	bool noted;

	if (key_len >= sizeof(key))
		return false;
	memcpy(key, &dir, sizeof(dir));
	memcpy(key + sizeof(dir), name, key_len - sizeof(dir));
	pthread_mutex_lock(&lock);
	if (names.count >= NAMES_MAX)
		prune(now);
	noted = names.count < NAMES_MAX;
	if (noted && is_long(until, now) && !is_long((int64_t)(uintptr_t)map_get(&names, key, key_len), now))
		noted = keep(key, key_len, now);
	noted = noted && put(key, key_len, until);
	pthread_mutex_unlock(&lock);
	return noted;
}

bool negative_has_room(void)
{
	bool has;

	pthread_mutex_lock(&lock);
	has = names.count < NAMES_MAX / 2 && has_room(now_ms());
	pthread_mutex_unlock(&lock);
	return has;
}

/* what was noted meanwhile is the newer */
static void put_back(const struct map_entry *e)
{
	pthread_mutex_lock(&lock);
	if (!map_get(&names, e->key, e->key_len))
		map_put(&names, e->key, e->key_len, e->value);
	pthread_mutex_unlock(&lock);
}

void negative_each(bool (*fn)(node_id dir, const char *name, void *arg), void *arg)
{
	int64_t now = now_ms();
	struct map_entry *e = NULL;
	bool forgets = false;
	struct map all;

	pthread_mutex_lock(&walking);
	pthread_mutex_lock(&lock);
	all = names;
	names = (struct map){ 0 };
	away++;
	pthread_mutex_unlock(&lock);
	while ((e = map_next(&all, e))) {
		node_id dir;

		if ((int64_t)(uintptr_t)e->value < now)
			continue;
		memcpy(&dir, e->key, sizeof(dir));
		if (fn(dir, e->key + sizeof(dir), arg))
			forgets = true;
		else
			put_back(e);
	}
	map_done(&all);
	pthread_mutex_unlock(&walking);
	if (forgets)
		notify_flush();
	pthread_mutex_lock(&lock);
	away--;
	pthread_mutex_unlock(&lock);
}
