#include "fs/listing.h"
#include "core/base/map.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

struct listing {
	pthread_mutex_t lock;
	struct map places; /* name -> its place in entries + 1, while present */
	struct listing_entry *entries;
	size_t count, size;
	uint64_t base; /* the first entry's cookie is base + 1 */
};

struct listing *listing_new(void)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (l)
		pthread_mutex_init(&l->lock, NULL);
	return l;
}

void listing_free(struct listing *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++)
		free(l->entries[i].name);
	free(l->entries);
	map_done(&l->places);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int append(struct listing *l, const struct dirent64 *d)
{
	struct listing_entry *e;

	if (l->count == l->size) {
		size_t size = l->size ? l->size * 2 : 32;

		e = reallocarray(l->entries, size, sizeof(*e));
		if (!e)
			return -ENOMEM;
		l->entries = e;
		l->size = size;
	}
	e = &l->entries[l->count];
	*e = (struct listing_entry){ strdup(d->d_name), d->d_ino, d->d_type, true };
	if (!e->name)
		return -ENOMEM;
	if (map_put(&l->places, d->d_name, strlen(d->d_name), (void *)(l->count + 1))) {
		free(e->name);
		return -ENOMEM;
	}
	l->count++;
	return 0;
}

static int note(struct listing *l, const struct dirent64 *d)
{
	uintptr_t place = (uintptr_t)map_get(&l->places, d->d_name, strlen(d->d_name));

	if (!place)
		return append(l, d);
	l->entries[place - 1].present = true;
	l->entries[place - 1].ino = d->d_ino;
	l->entries[place - 1].type = d->d_type;
	return 0;
}

/* A name that has gone gives its memory back, its place stays taken. */
static void drop_absent(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct listing_entry *e = &l->entries[i];

		if (e->present || !e->name)
			continue;
		map_remove(&l->places, e->name, strlen(e->name));
		free(take_ptr(e->name));
	}
}

bool listing_is_new(struct listing *l)
{
	bool is_new;

	pthread_mutex_lock(&l->lock);
	is_new = l->count == 0;
	pthread_mutex_unlock(&l->lock);
	return is_new;
}

int listing_refresh(struct listing *l, int fd, uint64_t after)
{
	char buf[32768] __attribute__((aligned(8)));
	ssize_t n = 0;
	int r = 0;

	pthread_mutex_lock(&l->lock);
	if (l->count == 0)
		l->base = after;
	for (size_t i = 0; i < l->count; i++)
		l->entries[i].present = false;
	while (r == 0 && (n = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; r == 0 && at < n;) {
			struct dirent64 *d = (struct dirent64 *)(buf + at);

			r = note(l, d);
			at += d->d_reclen;
		}
	}
	if (r == 0 && n < 0)
		r = -errno;
	if (r == 0)
		drop_absent(l);
	pthread_mutex_unlock(&l->lock);
	return r;
}

void listing_each(struct listing *l, uint64_t after,
		  bool (*fn)(const struct listing_entry *e, uint64_t cookie, void *arg), void *arg)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = after > l->base ? after - l->base : 0; i < l->count; i++) {
		if (l->entries[i].present && !fn(&l->entries[i], l->base + i + 1, arg))
			break;
	}
	pthread_mutex_unlock(&l->lock);
}
