#include "fs/sidedoor_watch.h"
#include "core/base/cleanup.h"
#include "core/base/slab.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slab slab;
static size_t count;

/* By key: chains through `next`, by node: through nothing, one node has one mark. */
static uint32_t *buckets, *next, *by_node;
static size_t bucket_count, next_count, node_count;

static struct watch *at(uint32_t w)
{
	return slab_at(&slab, w);
}

static int grow(uint32_t **array, size_t *have, size_t want)
{
	size_t size = *have ? *have : 1024;
	uint32_t *bigger;

	if (want < *have)
		return 0;
	while (size <= want)
		size *= 2;
	bigger = reallocarray(*array, size, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	memset(bigger + *have, 0, (size - *have) * sizeof(*bigger));
	*array = bigger;
	*have = size;
	return 0;
}

static uint32_t *bucket(const struct hash *key)
{
	return &buckets[key->lo & (bucket_count - 1)];
}

static int rehash(size_t size)
{
	uint32_t *fresh = calloc(size, sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	free(buckets);
	buckets = fresh;
	bucket_count = size;
	for (uint32_t w = slab_next(&slab, 0); w; w = slab_next(&slab, w)) {
		uint32_t *b = bucket(&at(w)->key);

		next[w] = *b;
		*b = w;
	}
	return 0;
}

static int chain(uint32_t w)
{
	int r = grow(&next, &next_count, w);

	if (r == 0)
		r = grow(&by_node, &node_count, at(w)->index);
	if (r == 0)
		by_node[at(w)->index] = w;
	return r;
}

int watch_open(void)
{
	size_t size = 1024;
	int r = slab_open(&slab, sidedoor_memory->watches, SIDEDOOR_WATCHES, sizeof(struct watch),
			  offsetof(struct watch, used));

	for (uint32_t w = slab_next(&slab, 0); r == 0 && w; w = slab_next(&slab, w)) {
		r = chain(w);
		count++;
	}
	while (size < count)
		size *= 2;
	return r < 0 ? r : rehash(size);
}

static uint32_t find(const struct hash *key)
{
	uint32_t w = *bucket(key);

	while (w && !hash_equal(&at(w)->key, key))
		w = next[w];
	return w;
}

/* 0: it has none, or the one of a node that had its place before */
static uint32_t of_node(node_id id)
{
	uint32_t index = (uint32_t)id;
	uint32_t w = index < node_count ? by_node[index] : 0;

	return w && at(w)->sequence == id >> 32 ? w : 0;
}

static void drop(uint32_t w)
{
	uint32_t *link = bucket(&at(w)->key);

	while (*link != w)
		link = &next[*link];
	*link = next[w];
	if (by_node[at(w)->index] == w)
		by_node[at(w)->index] = 0;
	slab_free(&slab, w);
	count--;
}

static int add(node_id id, const struct hash *key, tick_t since)
{
	uint32_t w = find(key);
	uint32_t *b;

	if (w)
		drop(w); /* the same object, forgotten and looked up again */
	if (of_node(id))
		drop(of_node(id));
	w = slab_alloc(&slab);
	if (!w)
		return -ENOSPC;
	*at(w) = (struct watch){ .index = (uint32_t)id, .sequence = id >> 32, .since = since, .key = *key };
	if (chain(w) < 0) {
		slab_free(&slab, w);
		return -ENOMEM;
	}
	slab_publish(&slab, w);
	b = bucket(key);
	next[w] = *b;
	*b = w;
	if (++count > bucket_count)
		rehash(bucket_count * 2); /* long chains are slow, not wrong */
	return 0;
}

int watch_add(node_id id, const struct hash *key, tick_t since)
{
	int r;

	pthread_mutex_lock(&lock);
	r = add(id, key, since);
	pthread_mutex_unlock(&lock);
	return r;
}

void watch_drop(node_id id)
{
	uint32_t w;

	pthread_mutex_lock(&lock);
	w = of_node(id);
	if (w)
		drop(w);
	pthread_mutex_unlock(&lock);
}

static bool copy(node_id id, struct watch *out)
{
	uint32_t w;

	pthread_mutex_lock(&lock);
	w = of_node(id);
	if (w)
		*out = *at(w);
	pthread_mutex_unlock(&lock);
	return w;
}

bool watch_has(node_id id)
{
	struct watch w;

	return copy(id, &w);
}

bool watch_since(node_id id, tick_t *since)
{
	struct watch w;

	if (!copy(id, &w))
		return false;
	*since = w.since;
	return true;
}

bool watch_key(node_id id, struct hash *key)
{
	struct watch w;

	if (!copy(id, &w))
		return false;
	*key = w.key;
	return true;
}

node_id watch_find(const struct hash *key, tick_t *since)
{
	node_id id = 0;
	uint32_t w;

	pthread_mutex_lock(&lock);
	w = find(key);
	if (w) {
		id = (uint64_t)at(w)->sequence << 32 | at(w)->index;
		if (since)
			*since = at(w)->since;
	}
	pthread_mutex_unlock(&lock);
	return id;
}

bool watch_is(node_id id, uint32_t flag)
{
	struct watch w;

	return copy(id, &w) && w.flags & flag;
}

bool watch_set(node_id id, uint32_t flag)
{
	bool changed = false;
	uint32_t w;

	pthread_mutex_lock(&lock);
	w = of_node(id);
	if (w) {
		changed = !(at(w)->flags & flag);
		at(w)->flags |= flag;
	}
	pthread_mutex_unlock(&lock);
	return changed;
}

void watch_clear(node_id id, uint32_t flags)
{
	uint32_t w;

	pthread_mutex_lock(&lock);
	w = of_node(id);
	if (w)
		at(w)->flags &= ~flags;
	pthread_mutex_unlock(&lock);
}

size_t watch_count(void)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = count;
	pthread_mutex_unlock(&lock);
	return n;
}

void watch_each_adopted(void (*fn)(node_id id))
{
	for (uint32_t w = slab_next(&slab, 0); w; w = slab_next(&slab, w)) {
		if (at(w)->flags & WATCH_ADOPTED)
			fn((uint64_t)at(w)->sequence << 32 | at(w)->index);
	}
}
