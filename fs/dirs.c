#include "fs/dirs.h"
#include "fs/lower.h"
#include "fs/sidedoor.h"
#include "fs/table.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define DEPTH_MAX 65536 /* more is a circle, made by changes behind the mount */

static struct dirfd *newest, *oldest; /* with table_lock */
static unsigned count, most;
static int root = -1;
static _Atomic unsigned roots; /* there have been */

void dirs_init(int root_fd, unsigned max)
{
	root = root_fd;
	most = max;
}

int dirs_root(void)
{
	return root;
}

static void unlink_entry(struct dirfd *d)
{
	*(d->newer ? &d->newer->older : &newest) = d->older;
	*(d->older ? &d->older->newer : &oldest) = d->newer;
	d->newer = d->older = NULL;
}

static void put_first(struct dirfd *d)
{
	d->older = newest;
	*(newest ? &newest->newer : &oldest) = d;
	newest = d;
}

/* Out of the cache; closed now, or by the last who uses it. */
static void evict(struct dirfd *d)
{
	unlink_entry(d);
	table_local(d->index)->dirfd = NULL;
	d->cached = false;
	count--;
	if (d->refs)
		return;
	close(d->fd);
	free(d);
}

void dirs_forget(uint32_t index)
{
	struct dirfd *d = table_local(index)->dirfd;

	if (d)
		evict(d);
}

static struct dirfd *get_cached(struct node *n)
{
	struct dirfd *d = table_local(table_index(n))->dirfd;

	if (!d)
		return NULL;
	d->refs++;
	if (d != newest) {
		unlink_entry(d);
		put_first(d);
	}
	return d;
}

void dirs_replace_root(int fd)
{
	struct dirfd *d = table_local(NODE_ROOT)->dirfd;

	dup3(fd, root, O_CLOEXEC);
	roots++;
	if (!d)
		return;
	d->old_root = true;
	evict(d);
}

/*
 * fd is the caller's until this succeeds. Somebody else may have been first: then theirs is taken. -EAGAIN: it was opened when there
 * were so many roots, and there is another now.
 */
static int insert(node_id id, int fd, unsigned root_count, struct dirfd **out)
{
	struct dirfd *d = calloc(1, sizeof(*d));
	struct node *n;
	int r = 0;

	if (!d)
		return -ENOMEM;
	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (!n) {
		r = -ESTALE;
	} else if (roots != root_count) {
		r = -EAGAIN;
	} else if ((*out = get_cached(n))) {
		close(fd);
	} else {
		*d = (struct dirfd){ .fd = fd, .index = table_index(n), .refs = 1, .cached = true };
		table_local(d->index)->dirfd = d;
		put_first(d);
		count++;
		*out = take_ptr(d);
		for (struct dirfd *old = oldest; count > most && old && old != *out;) {
			struct dirfd *next = old->newer;

			evict(old);
			old = next;
		}
	}
	pthread_mutex_unlock(&table_lock);
	free(d);
	return r;
}

static int open_root(void)
{
	int fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* 1, 0: it is not open, -ESTALE */
static int get_open(node_id dir, struct dirfd **out)
{
	struct dirfd *d = NULL;
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(dir);
	if (n)
		d = get_cached(n);
	pthread_mutex_unlock(&table_lock);
	if (!n)
		return -ESTALE;
	*out = d;
	return d != NULL;
}

static int open_once(node_id dir, struct dirfd **out)
{
	unsigned root_count = roots;
	int fd = dir == NODE_ROOT ? open_root() : node_open(dir, O_PATH | O_DIRECTORY);
	int r;

	if (fd < 0)
		return fd;
	r = insert(dir, fd, root_count, out);
	if (r < 0)
		close(fd);
	return r;
}

static int open_one(node_id dir, struct dirfd **out)
{
	int r;

	while ((r = open_once(dir, out)) == -EAGAIN)
		;
	return r;
}

/* The directories above it that are not open, the lowest first. */
static int closed_above(node_id dir, struct buf *ids)
{
	int r = 0;

	pthread_mutex_lock(&table_lock);
	for (unsigned depth = 0; r == 0; depth++) {
		struct node *n = table_node(dir);

		n = n && n->names ? table_at(table_name(n->names)->dir) : NULL;
		if (!n || table_index(n) == NODE_ROOT || table_local(table_index(n))->dirfd)
			break;
		dir = table_id(n);
		r = depth < DEPTH_MAX ? buf_put(ids, &dir, sizeof(dir)) : -ELOOP;
	}
	pthread_mutex_unlock(&table_lock);
	return r;
}

/* One after the other, from the top: each finds its own directory open. As a recursion it would need a stack as deep as the tree. */
static int open_above(node_id dir)
{
	AUTO_BUF ids = { 0 };
	int r = closed_above(dir, &ids);

	for (size_t n = ids.len / sizeof(node_id); r == 0 && n--;) {
		struct dirfd *d;
		node_id id;

		memcpy(&id, ids.data + n * sizeof(id), sizeof(id));
		r = open_one(id, &d);
		if (r == 0)
			dirs_put(d);
	}
	return r;
}

int dirs_get(node_id dir, struct dirfd **out)
{
	int r = get_open(dir, out);

	if (r)
		return r < 0 ? r : 0;
	r = open_above(dir);
	return r < 0 ? r : open_one(dir, out);
}

void dirs_put(struct dirfd *d)
{
	bool gone;

	if (!d)
		return;
	pthread_mutex_lock(&table_lock);
	gone = --d->refs == 0 && !d->cached;
	pthread_mutex_unlock(&table_lock);
	if (!gone)
		return;
	/* what was found there may have been taken for what is in the new one */
	if (d->old_root)
		sidedoor_doubt("source_replaced");
	close(d->fd);
	free(d);
}
