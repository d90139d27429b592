/*
 * A hash map from bytes (copied in) to pointers (not owned). Not for two threads at once.
 * Keys are bytes of any value; the hash is seeded by nothing, so keys that a hostile client chooses
 * are bounded by the caller's limits.
 */
#pragma once
#include "core/base/cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
	uint64_t hash;
	char *key; /* NUL-terminated copy; NULL: free place */
	size_t key_len;
	void *value;
};

struct map {
	struct map_entry *entries;
	size_t size, count; /* size: a power of two, or 0 */
};

void *map_get(const struct map *m, const void *key, size_t key_len);
/* replaces; value must not be NULL. 0 or -ENOMEM */
int map_put(struct map *m, const void *key, size_t key_len, void *value);
/* the value that was there, or NULL */
void *map_remove(struct map *m, const void *key, size_t key_len);
/* walk: struct map_entry *e = NULL; while ((e = map_next(&m, e))) …; no change of the map meanwhile */
struct map_entry *map_next(const struct map *m, const struct map_entry *after);
void map_done(struct map *m);

uint64_t bytes_hash(const void *data, size_t len);
