/*
 * Items of one size in a region that outlives the process: numbered from 1 (0 means none), found by
 * number, never moved. Whether a place is used is one word inside the item, stored last by
 * slab_publish(); the list of free places is private and rebuilt by slab_open(). Memory of the
 * region is touched only as far as items have ever reached. Not for two threads at once.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct slab {
	char *base; /* the region, borrowed */
	size_t item_size, used_offset;
	uint32_t end;  /* first index that was never used */
	uint32_t most; /* first index that has no room */
	uint32_t free; /* first of the freed places, chained through their own memory (private: derived) */
};

/*
 * region: zeroed, or left by a dead process. used_offset: of a uint32_t in the item that is not 0
 * while it is used. 0 or -EINVAL (sizes that cannot be)
 */
int slab_open(struct slab *s, void *region, size_t size_bytes, size_t item_size, size_t used_offset);
/*
 * What a slab of another item size holds, into `to`, which is empty: each used item by item(), under its number.
 * Whoever works with it opens it anew. 0; -EINVAL: `from` is none; -ENOSPC: it has no room
 */
int slab_convert(const void *from, size_t from_size_bytes, size_t from_item_size, size_t from_used_offset,
		 struct slab *to, void (*item)(const void *old, void *fresh));
/* a place, its content undefined but for used == 0; 0: no room. Published once it is filled in */
uint32_t slab_alloc(struct slab *s);
void slab_publish(struct slab *s, uint32_t index);
void slab_free(struct slab *s, uint32_t index);
void *slab_at(const struct slab *s, uint32_t index);
uint32_t slab_index(const struct slab *s, const void *item);
/* every used index is below it */
uint32_t slab_end(const struct slab *s);
/* the next used index after this one (0: the first), 0 when there is none */
uint32_t slab_next(const struct slab *s, uint32_t after);
