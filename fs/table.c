#include "fs/table.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/slab.h"
#include "fs/die.h"
#include "fs/dirs.h"
#include "fs/files.h"
#include "fs/keep.h"
#include "fs/listing.h"
#include "fs/sidedoor.h"
#include "fs/untold.h"
#include <errno.h>
#include <string.h>

#define CLASS_SHIFT 30
#define INDEX_OF(reference) ((reference) & ((1U << CLASS_SHIFT) - 1))

pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static const size_t class_size[NAME_CLASSES] = { 64, 128, 320 };
static struct slab nodes, names[NAME_CLASSES];
static size_t node_count, name_count;

/* chains of indexes and references, 0 ends them */
static uint32_t *node_buckets, *name_buckets;
static size_t bucket_count;

static struct local *locals;
static size_t local_count;

struct node *table_at(uint32_t index)
{
	return slab_at(&nodes, index);
}

struct name *table_name(uint32_t reference)
{
	return slab_at(&names[reference >> CLASS_SHIFT], INDEX_OF(reference));
}

uint32_t table_index(const struct node *n)
{
	return slab_index(&nodes, n);
}

node_id table_id(const struct node *n)
{
	return (uint64_t)n->sequence << 32 | table_index(n);
}

struct node *table_node(node_id id)
{
	uint32_t index = (uint32_t)id;
	struct node *n = index && index < slab_end(&nodes) ? table_at(index) : NULL;

	return n && n->used && n->sequence == id >> 32 ? n : NULL;
}

uint32_t table_next(uint32_t after)
{
	return slab_next(&nodes, after);
}

size_t table_count(void)
{
	return node_count;
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->birth_ns == b->birth_ns && a->type == b->type;
}

static int grow_locals(uint32_t index)
{
	size_t count = local_count ? local_count : 1024;
	struct local *bigger;

	if (index < local_count)
		return 0;
	while (count <= index)
		count *= 2;
	bigger = reallocarray(locals, count, sizeof(*locals));
	if (!bigger)
		return -ENOMEM;
	locals = bigger;
	for (size_t i = local_count; i < count; i++)
		locals[i] = (struct local){ .victim_fd = -1 };
	local_count = count;
	return 0;
}

struct local *table_local(uint32_t index)
{
	return &locals[index];
}

/* ---- chains ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15ULL;

	return h ^ h >> 29;
}

static uint32_t *node_bucket(const struct identity *is)
{
	return &node_buckets[mix(is->ino, is->dev) & (bucket_count - 1)];
}

static uint32_t *name_bucket(uint32_t dir, const char *name, size_t len)
{
	return &name_buckets[mix(bytes_hash(name, len), dir) & (bucket_count - 1)];
}

static void chain_node(struct node *n)
{
	uint32_t *bucket = node_bucket(&n->is);

	if (table_index(n) == NODE_ROOT)
		return;
	n->hash_next = *bucket;
	*bucket = table_index(n);
}

static void chain_name(uint32_t reference)
{
	struct name *c = table_name(reference);
	uint32_t *bucket = name_bucket(c->dir, c->text, c->len);

	c->hash_next = *bucket;
	*bucket = reference;
}

static void rechain(void)
{
	for (uint32_t i = slab_next(&nodes, 0); i; i = slab_next(&nodes, i))
		chain_node(table_at(i));
	for (uint32_t k = 0; k < NAME_CLASSES; k++) {
		for (uint32_t i = slab_next(&names[k], 0); i; i = slab_next(&names[k], i))
			chain_name(k << CLASS_SHIFT | i);
	}
}

static int grow_buckets(size_t count)
{
	uint32_t *for_nodes = calloc(count, sizeof(uint32_t));
	uint32_t *for_names = calloc(count, sizeof(uint32_t));

	if (!for_nodes || !for_names) {
		free(for_nodes);
		free(for_names);
		return -ENOMEM;
	}
	free(node_buckets);
	free(name_buckets);
	node_buckets = for_nodes;
	name_buckets = for_names;
	bucket_count = count;
	rechain();
	return 0;
}

/* Longer chains are slow, not wrong: a failure to grow is tried again later. */
static void keep_chains_short(void)
{
	size_t most = node_count > name_count ? node_count : name_count;

	if (most > bucket_count)
		grow_buckets(bucket_count * 2);
}

/* ---- nodes ---- */

struct node *table_by_identity(const struct identity *is)
{
	for (uint32_t i = *node_bucket(is); i; i = table_at(i)->hash_next) {
		if (identity_equal(&table_at(i)->is, is))
			return table_at(i);
	}
	return NULL;
}

static struct node *new_node(const struct identity *is, uint32_t sequence)
{
	uint32_t index = slab_alloc(&nodes);
	struct node *n;

	if (!index || grow_locals(index)) {
		if (index)
			slab_free(&nodes, index);
		log_error("event=node_table_full nodes=%zu", node_count);
		return NULL;
	}
	n = table_at(index);
	n->sequence = sequence;
	n->is = *is;
	n->lookups = 0;
	n->names = n->children = n->version = 0;
	slab_publish(&nodes, index);
	chain_node(n);
	node_count++;
	keep_chains_short();
	return n;
}

struct node *table_new(const struct identity *is)
{
	return new_node(is, ++shared_lanes->next_sequence);
}

static void unchain_node(struct node *n)
{
	uint32_t *link = node_bucket(&n->is);

	while (*link != table_index(n))
		link = &table_at(*link)->hash_next;
	*link = n->hash_next;
}

static void free_node(struct node *n)
{
	uint32_t index = table_index(n);
	struct local *l = table_local(index);

	unchain_node(n);
	files_forget(table_id(n));
	dirs_forget(index);
	listing_free(l->listing);
	if (l->victim_fd >= 0) {
		close(l->victim_fd);
		files_victim_gone();
		keep_drop(KEEP_VICTIM, table_id(n));
	}
	untold_forget(l);
	*l = (struct local){ .victim_fd = -1 };
	slab_free(&nodes, index);
	node_count--;
}

/* ---- names ---- */

static uint32_t find_name(uint32_t dir, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t r = *name_bucket(dir, name, len); r; r = table_name(r)->hash_next) {
		struct name *c = table_name(r);

		if (c->dir == dir && c->len == len && memcmp(c->text, name, len) == 0)
			return r;
	}
	return 0;
}

struct node *table_child(uint32_t dir, const char *name)
{
	uint32_t r = find_name(dir, name);

	return r ? table_at(table_name(r)->node) : NULL;
}

static uint32_t new_name(const char *text, size_t len)
{
	for (uint32_t k = 0; k < NAME_CLASSES; k++) {
		uint32_t index;

		if (sizeof(struct name) + len + 1 > class_size[k])
			continue;
		index = slab_alloc(&names[k]);
		if (!index)
			continue; /* this size is used up: a larger one will do */
		memcpy(((struct name *)slab_at(&names[k], index))->text, text, len + 1);
		return k << CLASS_SHIFT | index;
	}
	return 0;
}

static void remove_name(uint32_t reference)
{
	struct name *c = table_name(reference);
	struct node *n = table_at(c->node);
	struct node *dir = table_at(c->dir);
	uint32_t *link = name_bucket(c->dir, c->text, c->len);

	while (*link != reference)
		link = &table_name(*link)->hash_next;
	*link = c->hash_next;
	for (link = &n->names; *link != reference; link = &table_name(*link)->next_of_node)
		;
	*link = c->next_of_node;
	slab_free(&names[reference >> CLASS_SHIFT], INDEX_OF(reference));
	name_count--;
	dir->children--;
	table_collect(dir);
}

void table_names_changed(uint32_t dir)
{
	table_at(dir)->version++;
}

void table_drop_name(uint32_t dir, const char *name)
{
	uint32_t r = find_name(dir, name);
	struct node *n;

	table_names_changed(dir);
	if (!r)
		return;
	n = table_at(table_name(r)->node);
	remove_name(r);
	table_collect(n);
}

int table_add_name(struct node *n, uint32_t dir, const char *name)
{
	size_t len = strlen(name);
	uint32_t r = find_name(dir, name);
	struct name *c;

	if (r && table_name(r)->node == table_index(n))
		return 0;
	if (r)
		table_drop_name(dir, name);
	r = new_name(name, len);
	if (!r) {
		log_error("event=name_table_full names=%zu", name_count);
		return -ENOMEM;
	}
	c = table_name(r);
	c->node = table_index(n);
	c->dir = dir;
	c->len = (uint16_t)len;
	slab_publish(&names[r >> CLASS_SHIFT], INDEX_OF(r));
	c->next_of_node = n->names;
	n->names = r;
	chain_name(r);
	name_count++;
	table_at(dir)->children++;
	keep_chains_short();
	return 0;
}

void table_collect(struct node *n)
{
	if (table_index(n) == NODE_ROOT || n->lookups || n->children || table_local(table_index(n))->pins)
		return;
	sidedoor_forget(n);
	while (n->names) {
		uint32_t r = n->names;

		/* the directory goes too when this was all that kept it; a directory is never its own */
		remove_name(r);
	}
	free_node(n);
}

void table_sweep(void)
{
	for (uint32_t i = slab_next(&nodes, 0); i; i = slab_next(&nodes, i))
		table_collect(table_at(i));
}

int table_each_child(uint32_t dir, int (*fn)(const char *name, void *arg), void *arg)
{
	int r = 0;

	for (uint32_t k = 0; k < NAME_CLASSES; k++) {
		for (uint32_t i = slab_next(&names[k], 0); r == 0 && i; i = slab_next(&names[k], i)) {
			const struct name *c = slab_at(&names[k], i);

			if (c->dir == dir)
				r = fn(c->text, arg);
		}
	}
	return r;
}

/* ---- another root ---- */

static uint32_t other_than_root(const struct identity *is)
{
	uint32_t i = slab_next(&nodes, 0);

	while (i && (i == NODE_ROOT || !identity_equal(&table_at(i)->is, is)))
		i = slab_next(&nodes, i);
	return i;
}

/* One store for each: what a kill leaves undone is done by a successor, which finds the root with its old identity. */
static void give_names(uint32_t from, uint32_t to)
{
	for (uint32_t k = 0; from && to && k < NAME_CLASSES; k++) {
		for (uint32_t i = slab_next(&names[k], 0); i; i = slab_next(&names[k], i)) {
			struct name *c = slab_at(&names[k], i);

			if (c->dir == from)
				c->dir = to;
		}
	}
}

static void exchange_root(const struct identity *now)
{
	struct node *root = table_at(NODE_ROOT);

	give_names(NODE_ROOT, other_than_root(&root->is));
	die_at_step(DIE_FOLLOW, 4);
	give_names(other_than_root(now), NODE_ROOT);
	root->is = *now;
}

/* ---- opening ---- */

/* Chains, counts and the names of each node anew, from what the slots say. */
static int rebuild(void)
{
	node_count = name_count = 0;
	for (uint32_t i = slab_next(&nodes, 0); i; i = slab_next(&nodes, i)) {
		table_at(i)->names = table_at(i)->children = 0;
		node_count++;
		if (grow_locals(i))
			return -ENOMEM;
	}
	for (uint32_t k = 0; k < NAME_CLASSES; k++) {
		for (uint32_t i = slab_next(&names[k], 0); i; i = slab_next(&names[k], i)) {
			struct name *c = slab_at(&names[k], i);

			c->next_of_node = table_at(c->node)->names;
			table_at(c->node)->names = k << CLASS_SHIFT | i;
			table_at(c->dir)->children++;
			name_count++;
		}
	}
	return 0;
}

void table_replace_root(const struct identity *now)
{
	exchange_root(now);
	/* as after a takeover; it is done once in a long while */
	rebuild();
	memset(node_buckets, 0, bucket_count * sizeof(*node_buckets));
	memset(name_buckets, 0, bucket_count * sizeof(*name_buckets));
	rechain();
	table_names_changed(NODE_ROOT);
}

int table_open(const struct identity *root)
{
	size_t count = 1024;
	size_t size;
	void *region = shared_nodes(&size);
	int r = slab_open(&nodes, region, size, sizeof(struct node), offsetof(struct node, used));

	for (unsigned k = 0; r == 0 && k < NAME_CLASSES; k++) {
		region = shared_names(k, &size);
		r = slab_open(&names[k], region, size, class_size[k], offsetof(struct name, used));
	}
	if (r == 0 && slab_next(&nodes, 0) == NODE_ROOT && !identity_equal(&table_at(NODE_ROOT)->is, root))
		exchange_root(root);
	if (r == 0)
		r = rebuild();
	while (count < node_count || count < name_count)
		count *= 2;
	if (r == 0)
		r = grow_buckets(count);
	if (r < 0 || node_count)
		return r;
	return new_node(root, 0) ? 0 : -ENOMEM;
}
