#include "fs/window_negative.h"
#include "core/base/map.h"
#include <pthread.h>
#include <string.h>
#include <time.h>

#define NAMES_MAX 65536
#define NAME_SIZE (sizeof(node_id) + NAME_MAX + 1)

static pthread_mutex_t walking =
	PTHREAD_MUTEX_INITIALIZER; /* whoever waits for it is to see all of them; outside lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map names;     /* with lock: id and name -> until when, in ms */
static int64_t pruned_at_ms; /* with lock */

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

bool negative_note(node_id dir, const char *name, double timeout_s)
{
	/* a little longer than the kernel counts, and never 0 */
	int64_t now = now_ms(), until = now + (int64_t)(timeout_s * 1000) + 10;
	char key[NAME_SIZE];
	size_t len = strlen(name);
	bool noted;

	if (len > NAME_MAX)
		return false;
	memcpy(key, &dir, sizeof(dir));
	memcpy(key + sizeof(dir), name, len);
	pthread_mutex_lock(&lock);
	if (names.count >= NAMES_MAX)
		prune(now);
	noted = names.count < NAMES_MAX && map_put(&names, key, sizeof(dir) + len, (void *)(uintptr_t)until) == 0;
	pthread_mutex_unlock(&lock);
	return noted;
}

bool negative_has_room(void)
{
	bool has;

	pthread_mutex_lock(&lock);
	has = names.count < NAMES_MAX / 2;
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
	struct map all;

	pthread_mutex_lock(&walking);
	pthread_mutex_lock(&lock);
	all = names;
	names = (struct map){ 0 };
	pthread_mutex_unlock(&lock);
	while ((e = map_next(&all, e))) {
		node_id dir;

		if ((int64_t)(uintptr_t)e->value < now)
			continue;
		memcpy(&dir, e->key, sizeof(dir));
		if (!fn(dir, e->key + sizeof(dir), arg))
			put_back(e);
	}
	map_done(&all);
	pthread_mutex_unlock(&walking);
}
