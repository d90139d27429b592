#include "fs/hold.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#define BUCKETS 1024

struct held {
	uint32_t mark;
	int64_t born_ns;
	node_id node;
	uint64_t limit;
	int fd;
	struct held *next_of_mark, *next_of_node;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *by_mark[BUCKETS], *by_node[BUCKETS]; /* with lock */
static unsigned most;
static atomic_uint count; /* changed with lock; read without, to pass quickly when there is none */

void hold_init(unsigned max)
{
	most = max;
}

static struct held **mark_bucket(uint32_t mark)
{
	return &by_mark[mark % BUCKETS];
}

static struct held **node_bucket(node_id node)
{
	return &by_node[(node ^ node >> 32) % BUCKETS];
}

/* Where the pointer to it is; to NULL when there is none. */
static struct held **find(uint32_t mark, int64_t born_ns)
{
	struct held **p = mark_bucket(mark);

	while (*p && ((*p)->mark != mark || (*p)->born_ns != born_ns))
		p = &(*p)->next_of_mark;
	return p;
}

static void add_locked(struct held *h)
{
	h->next_of_mark = *mark_bucket(h->mark);
	*mark_bucket(h->mark) = h;
	h->next_of_node = *node_bucket(h->node);
	*node_bucket(h->node) = h;
	count++;
}

int hold_add(uint32_t mark, int64_t born_ns, node_id node, int fd, uint64_t limit)
{
	struct held *h = malloc(sizeof(*h));
	bool room;

	if (!h)
		return -ENOMEM;
	*h = (struct held){ .mark = mark, .born_ns = born_ns, .node = node, .limit = limit, .fd = fd };
	pthread_mutex_lock(&lock);
	room = count < most && !*find(mark, born_ns);
	if (room)
		add_locked(h);
	pthread_mutex_unlock(&lock);
	if (!room)
		free(h);
	return room ? 0 : -ENFILE;
}

int hold_get(uint32_t mark, int64_t born_ns, uint64_t *limit)
{
	struct held *h;
	int fd = -ENOENT;

	pthread_mutex_lock(&lock);
	h = *find(mark, born_ns);
	if (h) {
		fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
		*limit = h->limit;
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

/* Out of both chains; the caller closes and frees without the lock. */
static struct held *remove_locked(struct held **at)
{
	struct held *h = *at;
	struct held **p;

	if (!h)
		return NULL;
	*at = h->next_of_mark;
	for (p = node_bucket(h->node); *p != h; p = &(*p)->next_of_node)
		;
	*p = h->next_of_node;
	count--;
	return h;
}

static void let_go(struct held *h)
{
	if (!h)
		return;
	close(h->fd);
	free(h);
}

void hold_drop(uint32_t mark, int64_t born_ns)
{
	struct held *h;

	if (!count)
		return;
	pthread_mutex_lock(&lock);
	h = remove_locked(find(mark, born_ns));
	pthread_mutex_unlock(&lock);
	let_go(h);
}

bool hold_of_node(node_id node, uint32_t *mark, int64_t *born_ns)
{
	struct held *h;

	if (!count || !node)
		return false;
	pthread_mutex_lock(&lock);
	for (h = *node_bucket(node); h && h->node != node; h = h->next_of_node)
		;
	if (h) {
		*mark = h->mark;
		*born_ns = h->born_ns;
	}
	pthread_mutex_unlock(&lock);
	return h != NULL;
}

/* Takes one whose mark is gone out of this chain; marks are asked for without the lock. */
static struct held *first_dead(size_t bucket, bool (*lives)(uint32_t, int64_t, void *), void *arg)
{
	uint32_t mark[16];
	int64_t born_ns[16];
	size_t n = 0;
	struct held *h = NULL;

	pthread_mutex_lock(&lock);
	for (struct held *i = by_mark[bucket]; i && n < ARRAY_SIZE(mark); i = i->next_of_mark) {
		mark[n] = i->mark;
		born_ns[n++] = i->born_ns;
	}
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; !h && i < n; i++) {
		if (lives(mark[i], born_ns[i], arg))
			continue;
		pthread_mutex_lock(&lock);
		h = remove_locked(find(mark[i], born_ns[i]));
		pthread_mutex_unlock(&lock);
	}
	return h;
}

void hold_sweep(bool (*lives)(uint32_t mark, int64_t born_ns, void *arg), void *arg)
{
	for (size_t i = 0; count && i < BUCKETS; i++) {
		struct held *h;

		while ((h = first_dead(i, lives, arg)))
			let_go(h);
	}
}
