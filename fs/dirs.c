#include "fs/dirs.h"
#include "fs/lower.h"
#include "fs/table.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static struct dirfd *newest, *oldest; /* with table_lock */
static unsigned count, most;
static int root = -1;

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

/* fd is the caller's until this succeeds. Somebody else may have been first: then theirs is taken. */
static int insert(node_id id, int fd, struct dirfd **out)
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

int dirs_get(node_id dir, struct dirfd **out)
{
	struct dirfd *d = NULL;
	struct node *n;
	int fd, r;

	pthread_mutex_lock(&table_lock);
	n = table_node(dir);
	if (n)
		d = get_cached(n);
	pthread_mutex_unlock(&table_lock);
	if (!n)
		return -ESTALE;
	if (d) {
		*out = d;
		return 0;
	}
	fd = dir == NODE_ROOT ? open_root() : node_open(dir, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	r = insert(dir, fd, out);
	if (r < 0)
		close(fd);
	return r;
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
	close(d->fd);
	free(d);
}
