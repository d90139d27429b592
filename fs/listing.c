#include "fs/listing.h"
#include "core/base/map.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

struct listing {
	pthread_mutex_t lock;
	struct map cookies; /* name -> its cookie */
	struct listing_entry *entries; /* in the order of their cookies */
	size_t count, size;
	uint64_t last; /* the cookie that was given last; 0: none ever was */
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
	map_done(&l->cookies);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* the first entry behind this cookie */
static size_t behind(const struct listing *l, uint64_t cookie)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->entries[middle].cookie <= cookie)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int append(struct listing *l, const struct dirent64 *d)
{
	struct listing_entry e = { strdup(d->d_name), d->d_ino, l->last + 1, d->d_type, true };

	if (e.name && l->count == l->size) {
		size_t size = l->size ? l->size * 2 : 32;
		struct listing_entry *more = reallocarray(l->entries, size, sizeof(*more));

		if (more) {
			l->entries = more;
			l->size = size;
		}
	}
	if (!e.name || l->count == l->size || map_put(&l->cookies, e.name, strlen(e.name), (void *)(uintptr_t)e.cookie)) {
		free(e.name);
		return -ENOMEM;
	}
	l->entries[l->count++] = e;
	l->last = e.cookie;
	return 0;
}

static int note(struct listing *l, const struct dirent64 *d)
{
	uint64_t cookie = (uintptr_t)map_get(&l->cookies, d->d_name, strlen(d->d_name));
	struct listing_entry *e;

	if (!cookie)
		return append(l, d);
	e = &l->entries[behind(l, cookie - 1)];
	e->present = true;
	e->ino = d->d_ino;
	e->type = d->d_type;
	return 0;
}

/* A name that has gone gives its memory back; its cookie is not used again. */
static void drop_absent(struct listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		struct listing_entry *e = &l->entries[i];

		if (e->present) {
			l->entries[kept++] = *e;
			continue;
		}
		map_remove(&l->cookies, e->name, strlen(e->name));
		free(e->name);
	}
	l->count = kept;
}

bool listing_is_new(struct listing *l)
{
	bool is_new;

	pthread_mutex_lock(&l->lock);
	is_new = l->last == 0;
	pthread_mutex_unlock(&l->lock);
	return is_new;
}

size_t listing_count(struct listing *l)
{
	size_t count;

	pthread_mutex_lock(&l->lock);
	count = l->count;
	pthread_mutex_unlock(&l->lock);
	return count;
}

int listing_refresh(struct listing *l, int fd, uint64_t after)
{
	char buf[32768] __attribute__((aligned(8)));
	ssize_t n = 0;
	int r = 0;

	pthread_mutex_lock(&l->lock);
	if (l->last == 0)
		l->last = after;
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
	for (size_t i = behind(l, after); i < l->count; i++) {
		const struct listing_entry *e = &l->entries[i];

		if (e->present && !fn(e, e->cookie, arg))
			break;
	}
	pthread_mutex_unlock(&l->lock);
}
