/* From nodes to paths: what the observer, the journal and people speak of. */
#include "fs/table.h"
#include <errno.h>
#include <string.h>

#define DEPTH_MAX 65536 /* a chain of names that is longer is a circle, made by changes behind the mount */

static void reverse(char *from, size_t len)
{
	for (size_t i = 0; i < len / 2; i++) {
		char c = from[i];

		from[i] = from[len - 1 - i];
		from[len - 1 - i] = c;
	}
}

/* Puts a name backwards, so that the whole, turned round at the end, reads forwards. */
static int put_reversed(struct buf *out, const char *text, size_t len)
{
	int r = out->len ? buf_putc(out, '/') : 0;

	if (r == 0)
		r = buf_put(out, text, len);
	if (r == 0)
		reverse(out->data + out->len - len, len);
	return r;
}

/* With table_lock: the path that ends in this name. */
static int path_of_name(uint32_t reference, struct buf *out)
{
	int r = 0;

	buf_truncate(out, 0);
	for (unsigned depth = 0; r == 0 && reference; depth++) {
		struct name *c = table_name(reference);

		if (depth == DEPTH_MAX)
			return -ELOOP;
		r = put_reversed(out, c->text, c->len);
		if (c->dir == NODE_ROOT)
			break;
		reference = table_at(c->dir)->names;
		if (!reference)
			return -ENOENT; /* a directory above has been removed */
	}
	if (r == 0)
		reverse(out->data, out->len);
	return r;
}

/* By the first of its names that leads up to the root: others may lie in what has been the root. */
int table_path(const struct node *n, struct buf *out)
{
	int r = -ENOENT;

	if (table_id(n) == NODE_ROOT) {
		buf_truncate(out, 0);
		return buf_put(out, "", 0);
	}
	for (uint32_t c = n->names; c && r == -ENOENT; c = table_name(c)->next_of_node)
		r = path_of_name(c, out);
	return r;
}

static int path_of(node_id id, struct buf *out)
{
	const struct node *n = table_node(id);

	return n ? table_path(n, out) : -ESTALE;
}

int node_path(node_id id, struct buf *out)
{
	int r;

	pthread_mutex_lock(&table_lock);
	r = path_of(id, out);
	pthread_mutex_unlock(&table_lock);
	return r;
}

/* With table_lock: the ids of what this name leads to and of the directories on the way to it. How many, -ENAMETOOLONG, -ENOENT */
static int way_of_name(uint32_t reference, node_id *way, int max)
{
	int depth = 0;

	while (reference) {
		const struct name *c = table_name(reference);

		if (depth == max)
			return -ENAMETOOLONG;
		way[depth++] = table_id(table_at(c->node));
		if (c->dir == NODE_ROOT)
			break;
		reference = table_at(c->dir)->names;
		if (!reference)
			return -ENOENT;
	}
	for (int i = 0; i < depth / 2; i++) {
		node_id id = way[i];

		way[i] = way[depth - 1 - i];
		way[depth - 1 - i] = id;
	}
	return depth;
}

static int way_of(const struct node *n, node_id *way, int max)
{
	int r = table_id(n) == NODE_ROOT ? 0 : -ENOENT;

	for (uint32_t c = n->names; c && r == -ENOENT; c = table_name(c)->next_of_node)
		r = way_of_name(c, way, max);
	return r;
}

int node_way(node_id id, struct buf *path, node_id *way, int max)
{
	struct node *n;
	int r;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	r = path_of(id, path);
	if (r == 0)
		r = way_of(n, way, max);
	pthread_mutex_unlock(&table_lock);
	return r;
}

int node_place(node_id id, unsigned n, node_id *dir, char name[static NAME_MAX + 1])
{
	struct node *node;
	uint32_t reference;
	int r = -ENOENT;

	pthread_mutex_lock(&table_lock);
	node = table_node(id);
	reference = node ? node->names : 0;
	for (; reference && n; n--)
		reference = table_name(reference)->next_of_node;
	if (reference) {
		struct name *c = table_name(reference);

		memcpy(name, c->text, c->len + 1UL);
		*dir = table_id(table_at(c->dir));
		r = 0;
	}
	pthread_mutex_unlock(&table_lock);
	return r;
}

int node_child_path(node_id dir, const char *name, struct buf *out)
{
	int r = node_path(dir, out);

	if (r == 0 && out->len)
		r = buf_putc(out, '/');
	return r < 0 ? r : buf_puts(out, name);
}

/* The paths are collected under the lock and told without it. */
static int collect_paths(node_id id, struct buf *all)
{
	AUTO_BUF path = { 0 };
	struct node *n = table_node(id);
	int r = 0;

	if (!n)
		return -ESTALE;
	if (id == NODE_ROOT)
		return buf_putc(all, '\0');
	for (uint32_t ref = n->names; r == 0 && ref; ref = table_name(ref)->next_of_node) {
		if (path_of_name(ref, &path) == 0)
			r = buf_put(all, path.data, path.len + 1);
	}
	return r;
}

int node_each_path(node_id id, int (*fn)(const char *path, void *arg), void *arg)
{
	AUTO_BUF all = { 0 };
	int r;

	pthread_mutex_lock(&table_lock);
	r = collect_paths(id, &all);
	pthread_mutex_unlock(&table_lock);
	for (size_t at = 0; r == 0 && at < all.len; at += strlen(all.data + at) + 1)
		r = fn(all.data + at, arg);
	return r;
}
