#include "fs/kept.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include <unistd.h>

struct key {
	uint64_t id;
	uint32_t kind, zero;
};

static struct map kept; /* struct key -> descriptor + 1 */

static void close_old(void *value)
{
	if (value)
		close((int)((intptr_t)value - 1));
}

void kept_add(uint32_t kind, uint64_t id, int fd)
{
	struct key k = { .id = id, .kind = kind };

	close_old(map_remove(&kept, &k, sizeof(k)));
	if (map_put(&kept, &k, sizeof(k), (void *)((intptr_t)fd + 1)) < 0) {
		log_error("event=keep_failed node=%#lx error=\"no memory\"", id);
		close(fd);
	}
}

void kept_remove(uint32_t kind, uint64_t id)
{
	struct key k = { .id = id, .kind = kind };

	close_old(map_remove(&kept, &k, sizeof(k)));
}

void kept_each(void (*fn)(uint32_t kind, uint64_t id, int fd, void *arg), void *arg)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&kept, e))) {
		struct key k;

		__builtin_memcpy(&k, e->key, sizeof(k));
		fn(k.kind, k.id, (int)((intptr_t)e->value - 1), arg);
	}
}
