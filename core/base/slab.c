#include "core/base/slab.h"
#include <errno.h>
#include <string.h>

/* Place 0 is nobody's; it holds how far items have ever reached, so that the rest stays untouched. */
static uint32_t *stored_end(const struct slab *s)
{
	return (uint32_t *)s->base;
}

static uint32_t *used_word(const struct slab *s, uint32_t index)
{
	return (uint32_t *)((char *)slab_at(s, index) + s->used_offset);
}

/* a free place holds the number of the next one, beside its used word */
static uint32_t *free_link(const struct slab *s, uint32_t index)
{
	return (uint32_t *)((char *)slab_at(s, index) + (s->used_offset == 0 ? sizeof(uint32_t) : 0));
}

static void chain_free(struct slab *s, uint32_t index)
{
	*free_link(s, index) = s->free;
	s->free = index;
}

int slab_open(struct slab *s, void *region, size_t size_bytes, size_t item_size, size_t used_offset)
{
	struct slab fresh = { .base = region, .item_size = item_size, .used_offset = used_offset };
	size_t most;

	if (item_size < 8 || item_size % 8 || used_offset % sizeof(uint32_t) ||
	    used_offset > item_size - sizeof(uint32_t) || (uintptr_t)region % 8)
		return -EINVAL;
	most = size_bytes / item_size;
	if (most < 2)
		return -EINVAL;
	fresh.most = most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
	fresh.end = __atomic_load_n(stored_end(&fresh), __ATOMIC_ACQUIRE);
	if (fresh.end > fresh.most)
		return -EINVAL;
	if (!fresh.end)
		fresh.end = 1;
	for (uint32_t i = fresh.end; --i;) {
		if (!*used_word(&fresh, i))
			chain_free(&fresh, i);
	}
	*s = fresh;
	return 0;
}

int slab_convert(const void *from, size_t from_size_bytes, size_t from_item_size, size_t from_used_offset,
		 struct slab *to, void (*item)(const void *old, void *fresh))
{
	const struct slab old = { .base = (char *)from, .item_size = from_item_size, .used_offset = from_used_offset };
	uint32_t end = *stored_end(&old);

	if (end > from_size_bytes / from_item_size)
		return -EINVAL;
	if (end > to->most)
		return -ENOSPC;
	for (uint32_t i = 1; i < end; i++) {
		if (!*used_word(&old, i))
			continue;
		item(slab_at(&old, i), slab_at(to, i));
		slab_publish(to, i);
	}
	to->end = end ? end : 1;
	__atomic_store_n(stored_end(to), to->end, __ATOMIC_RELEASE);
	return 0;
}

uint32_t slab_alloc(struct slab *s)
{
	uint32_t index = s->free;

	if (index) {
		s->free = *free_link(s, index);
		return index;
	}
	if (s->end == s->most)
		return 0;
	index = s->end++;
	/* before the place can be published: whoever opens the region looks no further than this */
	__atomic_store_n(stored_end(s), s->end, __ATOMIC_RELEASE);
	*used_word(s, index) = 0;
	return index;
}

void slab_publish(struct slab *s, uint32_t index)
{
	__atomic_store_n(used_word(s, index), 1, __ATOMIC_RELEASE);
}

void slab_free(struct slab *s, uint32_t index)
{
	__atomic_store_n(used_word(s, index), 0, __ATOMIC_RELEASE);
	/* what follows changes the place's content: only after it counts as free */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	chain_free(s, index);
}

void *slab_at(const struct slab *s, uint32_t index)
{
	return s->base + (size_t)index * s->item_size;
}

uint32_t slab_index(const struct slab *s, const void *item)
{
	return (uint32_t)((size_t)((const char *)item - s->base) / s->item_size);
}

uint32_t slab_end(const struct slab *s)
{
	return s->end;
}

uint32_t slab_next(const struct slab *s, uint32_t after)
{
	for (uint32_t i = after + 1; i < s->end; i++) {
		if (*used_word(s, i))
			return i;
	}
	return 0;
}
