/* The paths that the journal knows: their texts in pieces, and the index that finds them. */
#include "core/journal_parts.h"
#include <errno.h>
#include <string.h>

uint32_t jpath_hash(const char *text, size_t len)
{
	return (uint32_t)hash_bytes(text, len).lo;
}

bool jpath_text_is(struct journal *j, const struct path_item *p, const char *text, size_t len)
{
	uint32_t piece = p->text;

	if (p->len != len)
		return false;
	while (len) {
		size_t n = len < TEXT_BYTES ? len : TEXT_BYTES;

		if (memcmp(text_at(j, piece)->bytes, text, n) != 0)
			return false;
		piece = text_at(j, piece)->next;
		text += n;
		len -= n;
	}
	return true;
}

static uint32_t *bucket_of(struct journal *j, uint32_t hash)
{
	return &j->buckets[hash & (j->bucket_count - 1)];
}

uint32_t jpath_find(struct journal *j, const char *text, size_t len)
{
	uint32_t hash = jpath_hash(text, len);

	for (uint32_t i = *bucket_of(j, hash); i; i = path_at(j, i)->hash_next) {
		struct path_item *p = path_at(j, i);

		if (p->hash == hash && jpath_text_is(j, p, text, len))
			return i;
	}
	return 0;
}

static void chain(struct journal *j, uint32_t index)
{
	struct path_item *p = path_at(j, index);
	uint32_t *bucket = bucket_of(j, p->hash);

	p->hash_next = *bucket;
	*bucket = index;
}

static void unchain(struct journal *j, uint32_t index)
{
	uint32_t *link = bucket_of(j, path_at(j, index)->hash);

	while (*link != index)
		link = &path_at(j, *link)->hash_next;
	*link = path_at(j, index)->hash_next;
}

int jpath_index_build(struct journal *j, size_t bucket_count)
{
	uint32_t *buckets = calloc(bucket_count, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	free(j->buckets);
	j->buckets = buckets;
	j->bucket_count = bucket_count;
	for (uint32_t i = slab_next(&j->paths, 0); i; i = slab_next(&j->paths, i))
		chain(j, i);
	return 0;
}

static void free_text(struct journal *j, uint32_t piece)
{
	while (piece) {
		uint32_t next = text_at(j, piece)->next;

		slab_free(&j->texts, piece);
		j->text_count--;
		piece = next;
	}
}

/* The pieces, last one first, so that each is published whole. false: no room. */
static bool make_text(struct journal *j, const char *text, size_t len, uint32_t *first)
{
	uint32_t next = 0;

	while (len) {
		size_t n = len % TEXT_BYTES ? len % TEXT_BYTES : TEXT_BYTES;
		uint32_t piece = slab_alloc(&j->texts);

		if (!piece) {
			free_text(j, next);
			return false;
		}
		len -= n;
		memcpy(text_at(j, piece)->bytes, text + len, n);
		text_at(j, piece)->next = next;
		slab_publish(&j->texts, piece);
		j->text_count++;
		next = piece;
	}
	*first = next;
	return true;
}

static uint32_t make(struct journal *j, const char *text, size_t len)
{
	uint32_t first, index;
	struct path_item *p;

	if (!make_text(j, text, len, &first))
		return 0;
	index = slab_alloc(&j->paths);
	if (!index) {
		free_text(j, first);
		return 0;
	}
	p = path_at(j, index);
	p->text = first;
	p->len = (uint32_t)len;
	p->newest = p->detail_of = p->has_stamp = p->mark = 0;
	p->hash = jpath_hash(text, len);
	p->serial = ++j->serial;
	slab_publish(&j->paths, index);
	return index;
}

uint32_t jpath_make(struct journal *j, const char *text, size_t len)
{
	uint32_t index = make(j, text, len);

	while (!index && jorder_drop_some(j))
		index = make(j, text, len);
	if (!index)
		return 0;
	chain(j, index);
	j->path_count++;
	/* Longer chains are slow, not wrong: a failure to grow is tried again with the next path. */
	if (j->path_count > j->bucket_count)
		jpath_index_build(j, j->bucket_count * 2);
	return index;
}

void jpath_free(struct journal *j, uint32_t index)
{
	struct path_item *p = path_at(j, index);
	uint32_t text = p->text, newest = p->newest;

	unchain(j, index);
	if (newest) {
		j->published--;
		j->idle--;
	}
	j->path_count--;
	/* what hung on it belongs to nobody from here on, and whoever opens the region frees it */
	slab_free(&j->paths, index);
	jstates_free(j, newest);
	free_text(j, text);
}

void jpath_collect(struct journal *j, uint32_t index)
{
	struct path_item *p = path_at(j, index);

	if (!p->mark && !p->newest)
		jpath_free(j, index);
}

int jpath_text(struct journal *j, uint32_t index, struct buf *out)
{
	struct path_item *p = path_at(j, index);
	size_t left = p->len;
	int r = 0;

	buf_truncate(out, 0);
	for (uint32_t piece = p->text; r == 0 && left; piece = text_at(j, piece)->next) {
		size_t n = left < TEXT_BYTES ? left : TEXT_BYTES;

		r = buf_put(out, text_at(j, piece)->bytes, n);
		left -= n;
	}
	return r;
}
