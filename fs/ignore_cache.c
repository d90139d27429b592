#include "fs/ignore_cache.h"
#include <pthread.h>
#include <string.h>

static struct {
	pthread_mutex_t lock;
	struct map verdicts;
	uint64_t generation;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* What a map's values point to. */
static char yes, no;

int ignore_note(struct map *m, const char *path, bool ignored)
{
	return map_put(m, path, strlen(path), ignored ? &yes : &no);
}

static int look(const struct map *m, const char *path, size_t len)
{
	const char *value = map_get(m, path, len);

	return value ? value == &yes : -1;
}

int ignore_look(const struct map *m, const char *path)
{
	size_t len = strlen(path);
	int own = len ? look(m, path, len) : 0; /* the tree itself is never ignored */

	if (own >= 0)
		return own;
	for (const char *slash = path; (slash = strchr(slash, '/')) && slash[1]; slash++) {
		if (look(m, path, (size_t)(slash - path) + 1) == 1)
			return 1;
	}
	return -1;
}

int ignore_look_one(const struct map *m, const char *path)
{
	return look(m, path, strlen(path));
}

int ignore_cache_look_one(const char *path)
{
	int verdict;

	pthread_mutex_lock(&cache.lock);
	verdict = ignore_look_one(&cache.verdicts, path);
	pthread_mutex_unlock(&cache.lock);
	return verdict;
}

int ignore_cache_look(const char *path)
{
	int verdict;

	pthread_mutex_lock(&cache.lock);
	verdict = ignore_look(&cache.verdicts, path);
	pthread_mutex_unlock(&cache.lock);
	return verdict;
}

uint64_t ignore_cache_generation(void)
{
	uint64_t generation;

	pthread_mutex_lock(&cache.lock);
	generation = cache.generation;
	pthread_mutex_unlock(&cache.lock);
	return generation;
}

void ignore_cache_note(const char *path, bool ignored, uint64_t generation)
{
	pthread_mutex_lock(&cache.lock);
	if (generation == cache.generation) {
		if (cache.verdicts.count >= IGNORE_CACHE_MAX)
			map_done(&cache.verdicts);
		ignore_note(&cache.verdicts, path, ignored);
	}
	pthread_mutex_unlock(&cache.lock);
}

void ignore_cache_drop(void)
{
	pthread_mutex_lock(&cache.lock);
	map_done(&cache.verdicts);
	cache.generation++;
	pthread_mutex_unlock(&cache.lock);
}
