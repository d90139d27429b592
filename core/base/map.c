#include "core/base/map.h"
#include <errno.h>
#include <string.h>

/* FNV-1a, 64 bits, with a final mix: its low bits alone are weak for a table of powers of two. */
uint64_t bytes_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	h ^= h >> 32;
	return h;
}

static struct map_entry *find(const struct map *m, uint64_t hash, const void *key, size_t key_len)
{
	size_t i = hash & (m->size - 1);

	while (m->entries[i].key) {
		struct map_entry *e = &m->entries[i];

		if (e->hash == hash && e->key_len == key_len && memcmp(e->key, key, key_len) == 0)
			return e;
		i = (i + 1) & (m->size - 1);
	}
	return &m->entries[i];
}

void *map_get(const struct map *m, const void *key, size_t key_len)
{
	struct map_entry *e;

	if (!m->count)
		return NULL;
	e = find(m, bytes_hash(key, key_len), key, key_len);
	return e->key ? e->value : NULL;
}

static int resize(struct map *m, size_t size)
{
	struct map bigger = { .entries = calloc(size, sizeof(struct map_entry)), .size = size };

	if (!bigger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < m->size; i++) {
		struct map_entry *e = &m->entries[i];

		if (e->key)
			*find(&bigger, e->hash, e->key, e->key_len) = *e;
	}
	free(m->entries);
	m->entries = bigger.entries;
	m->size = size;
	return 0;
}

int map_put(struct map *m, const void *key, size_t key_len, void *value)
{
	uint64_t hash = bytes_hash(key, key_len);
	struct map_entry *e;
	char *copy;

	if ((m->count + 1) * 4 > m->size * 3) {
		int r = resize(m, m->size ? m->size * 2 : 16);

		if (r < 0)
			return r;
	}
	e = find(m, hash, key, key_len);
	if (e->key) {
		e->value = value;
		return 0;
	}
	copy = malloc(key_len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, key, key_len);
	copy[key_len] = '\0';
	*e = (struct map_entry){ hash, copy, key_len, value };
	m->count++;
	return 0;
}

/* Linear probing without tombstones: what follows in the run moves up. */
static void close_gap(struct map *m, size_t gap)
{
	size_t i = gap;

	for (;;) {
		size_t home;

		i = (i + 1) & (m->size - 1);
		if (!m->entries[i].key)
			break;
		home = m->entries[i].hash & (m->size - 1);
		if (((i - home) & (m->size - 1)) >= ((i - gap) & (m->size - 1))) {
			m->entries[gap] = m->entries[i];
			gap = i;
		}
	}
	m->entries[gap] = (struct map_entry){ 0 };
}

void *map_remove(struct map *m, const void *key, size_t key_len)
{
	struct map_entry *e;
	void *value;

	if (!m->count)
		return NULL;
	e = find(m, bytes_hash(key, key_len), key, key_len);
	if (!e->key)
		return NULL;
	value = e->value;
	free(e->key);
	close_gap(m, (size_t)(e - m->entries));
	m->count--;
	return value;
}

struct map_entry *map_next(const struct map *m, const struct map_entry *after)
{
	size_t i = after ? (size_t)(after - m->entries) + 1 : 0;

	for (; i < m->size; i++) {
		if (m->entries[i].key)
			return &m->entries[i];
	}
	return NULL;
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->size; i++)
		free(m->entries[i].key);
	free(m->entries);
	*m = (struct map){ 0 };
}
