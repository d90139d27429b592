#include "fs/files.h"
#include "fs/keep.h"
#include "fs/lower.h"
#include "fs/table.h"
#include <errno.h>
#include <fcntl.h>

#define BUCKETS 1024

static struct file *buckets[BUCKETS]; /* all with table_lock */
static struct file *newest, *oldest;
static unsigned count, most, precious, victims, most_victims;

void files_init(unsigned max, unsigned max_victims)
{
	most = max;
	most_victims = max_victims;
}

static struct file **bucket(node_id id)
{
	return &buckets[((id ^ id >> 32) * 0x9e3779b97f4a7c15ULL >> 48) % BUCKETS];
}

static void unlink_lru(struct file *f)
{
	*(f->newer ? &f->newer->older : &newest) = f->older;
	*(f->older ? &f->older->newer : &oldest) = f->newer;
	f->newer = f->older = NULL;
}

static void put_first(struct file *f)
{
	f->older = newest;
	*(newest ? &newest->newer : &oldest) = f;
	newest = f;
}

static void evict(struct file *f)
{
	struct file **p = bucket(f->id);

	while (*p != f)
		p = &(*p)->next_in_hash;
	*p = f->next_in_hash;
	unlink_lru(f);
	f->cached = false;
	count--;
	precious -= f->precious;
	if (f->precious)
		keep_drop(KEEP_FILE, f->id);
	if (f->refs)
		return;
	close(f->fd);
	free(f);
}

static void make_room(const struct file *except)
{
	for (struct file *f = oldest; f && count > most;) {
		struct file *next = f->newer;

		/* what cannot be opened again goes last, when nothing else is left to go */
		if (f != except && (!f->precious || precious > most / 2))
			evict(f);
		f = next;
	}
}

static struct file *find(node_id id, bool write)
{
	for (struct file *f = *bucket(id); f; f = f->next_in_hash) {
		if (f->id != id || (write ? !f->writable : !f->readable))
			continue;
		f->refs++;
		if (f != newest) {
			unlink_lru(f);
			put_first(f);
		}
		return f;
	}
	return NULL;
}

/* Takes fd over. NULL: no memory, or the node is gone. */
static struct file *insert(node_id id, int fd, bool readable, bool writable, bool keep)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f || !table_node(id)) {
		free(f);
		close(fd);
		return NULL;
	}
	*f = (struct file){ .fd = fd, .id = id, .readable = readable, .writable = writable, .precious = keep };
	f->cached = true;
	f->refs = 1;
	f->next_in_hash = *bucket(id);
	*bucket(id) = f;
	put_first(f);
	count++;
	precious += keep;
	make_room(f);
	return f;
}

static int open_for(node_id id, bool write, bool *readable, bool *append_only)
{
	int fd = node_open(id, write ? O_RDWR : O_RDONLY);

	*readable = true;
	*append_only = false;
	if (fd == -EACCES && write) {
		*readable = false;
		fd = node_open(id, O_WRONLY);
	} else if (fd == -EPERM && write) {
		*readable = false;
		*append_only = true;
		fd = node_open(id, O_WRONLY | O_APPEND);
	}
	return fd;
}

int files_get(node_id id, bool write, struct file **out)
{
	struct file *f;
	bool readable, append_only;
	int fd;

	pthread_mutex_lock(&table_lock);
	f = find(id, write);
	pthread_mutex_unlock(&table_lock);
	if (f) {
		*out = f;
		return 0;
	}
	fd = open_for(id, write, &readable, &append_only);
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&table_lock);
	f = find(id, write); /* somebody else may have been first */
	if (f)
		close(fd);
	else
		f = insert(id, fd, readable, write, false);
	if (f && append_only)
		f->append_only = true;
	pthread_mutex_unlock(&table_lock);
	if (!f)
		return -ENOMEM;
	*out = f;
	return 0;
}

struct file *files_at_hand(node_id id)
{
	struct file *f;

	if (lower_is_by_name())
		return NULL;
	pthread_mutex_lock(&table_lock);
	f = find(id, true);
	if (!f)
		f = find(id, false);
	pthread_mutex_unlock(&table_lock);
	return f;
}

static void put_locked(struct file *f)
{
	if (--f->refs || f->cached)
		return;
	close(f->fd);
	free(f);
}

void files_put(struct file *f)
{
	pthread_mutex_lock(&table_lock);
	put_locked(f);
	pthread_mutex_unlock(&table_lock);
}

static void add(node_id id, int fd, bool keep)
{
	struct file *f;

	pthread_mutex_lock(&table_lock);
	f = insert(id, fd, true, true, keep);
	if (f)
		put_locked(f);
	pthread_mutex_unlock(&table_lock);
}

void files_add(node_id id, int fd, bool keep)
{
	if (keep)
		keep_send(KEEP_FILE, id, fd);
	add(id, fd, keep);
}

void files_adopt(node_id id, int fd)
{
	add(id, fd, true);
}

void files_settled(void)
{
	pthread_mutex_lock(&table_lock);
	for (struct file *f = oldest; f;) {
		struct file *next = f->newer;

		if (f->writable && !f->precious)
			evict(f);
		f = next;
	}
	pthread_mutex_unlock(&table_lock);
}

void files_forget(node_id id)
{
	for (struct file *f = *bucket(id); f;) {
		struct file *next = f->next_in_hash;

		if (f->id == id)
			evict(f);
		f = next;
	}
}

void files_drop(node_id id)
{
	pthread_mutex_lock(&table_lock);
	files_forget(id);
	pthread_mutex_unlock(&table_lock);
}

bool files_victim_room(void)
{
	return victims < most_victims;
}

void files_victim_added(void)
{
	victims++;
}

void files_victim_gone(void)
{
	victims--;
}
