/*
 * Who wrote a path last. A cache of fixed size by a hash of the path: what falls out of it is asked
 * of /proc by the settler.
 */
#include "core/base/map.h"
#include "fs/writer.h"
#include <pthread.h>
#include <string.h>

#define PLACES 2048

struct last {
	uint64_t hash;
	struct writer writer;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct last last[PLACES]; /* with lock */

void writer_remember(const char *path, const struct writer *w)
{
	uint64_t hash = bytes_hash(path, strlen(path));
	struct last *l = &last[hash % PLACES];

	pthread_mutex_lock(&lock);
	l->hash = hash;
	l->writer = *w;
	pthread_mutex_unlock(&lock);
}

bool writer_recall(const char *path, struct writer *out)
{
	uint64_t hash = bytes_hash(path, strlen(path));
	struct last *l = &last[hash % PLACES];
	bool known;

	pthread_mutex_lock(&lock);
	known = l->writer.pid && l->hash == hash;
	if (known)
		*out = l->writer;
	pthread_mutex_unlock(&lock);
	return known;
}
