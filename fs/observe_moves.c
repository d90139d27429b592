#include "fs/observe_moves.h"
#include "core/base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct noted {
	struct move m;
	bool over; /* its request is */
	bool entangled;
	struct noted *older;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct noted *newest; /* with lock */
static uint64_t last_id;
static atomic_uint count; /* changed with lock; most requests find 0 and pass */
static _Atomic uint64_t losses;
static _Atomic uint64_t renames;

void move_done(struct move *m)
{
	free(m->old_path);
	free(m->new_path);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct move){ .fd = -1 };
}

static struct noted *note_new(const struct move *m)
{
	struct noted *n = calloc(1, sizeof(*n));

	if (!n) {
		if (m->fd >= 0)
			close(m->fd);
		return NULL;
	}
	n->m = *m;
	n->m.old_path = strdup(m->old_path);
	n->m.new_path = strdup(m->new_path);
	if (n->m.old_path && n->m.new_path)
		return n;
	move_done(&n->m);
	free(n);
	return NULL;
}

static void note_free(struct noted *n)
{
	if (!n)
		return;
	move_done(&n->m);
	free(n);
}

static bool concerns(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || path_is_below(a, b) || path_is_below(b, a);
}

static bool concern_each_other(const struct move *a, const struct move *b)
{
	return concerns(a->old_path, b->old_path) || concerns(a->old_path, b->new_path) ||
	       concerns(a->new_path, b->old_path) || concerns(a->new_path, b->new_path);
}

/*
 * With lock: is there one that matters to this one, and whose effect may come before or after it? Or
 * one with which it exchanges what has been exchanged: nobody is asked to follow that.
 */
static bool is_entangled(const struct move *m)
{
	for (const struct noted *n = newest; n; n = n->older) {
		if (n->m.tick != m->tick && (!n->over || n->m.exchange || m->exchange) && concern_each_other(&n->m, m))
			return true;
	}
	return false;
}

uint64_t moves_begin(const struct move *m)
{
	struct noted *n = note_new(m);
	uint64_t id;

	pthread_mutex_lock(&lock);
	id = ++last_id;
	if (n && count < MOVES_MAX) {
		n->m.id = id;
		n->entangled = is_entangled(m);
		losses += n->entangled;
		n->older = newest;
		newest = take_ptr(n);
		count++;
	} else {
		losses++;
	}
	pthread_mutex_unlock(&lock);
	note_free(n);
	return id;
}

/* With lock: where the pointer to it is; to NULL when it is gone. */
static struct noted **find(uint64_t id)
{
	struct noted **p = &newest;

	while (*p && (*p)->m.id != id)
		p = &(*p)->older;
	return p;
}

static struct noted *take_locked(struct noted **at)
{
	struct noted *n = *at;

	if (n) {
		*at = n->older;
		count--;
	}
	return n;
}

void moves_end(uint64_t id, bool failed)
{
	struct noted *gone = NULL;
	struct noted **at;

	pthread_mutex_lock(&lock);
	at = find(id);
	/* once more: clocks have been handed out since, and its effect comes after them */
	if (!failed && (!*at || (*at)->entangled))
		losses++;
	if (*at)
		(*at)->over = true;
	if (failed)
		gone = take_locked(at);
	pthread_mutex_unlock(&lock);
	note_free(gone);
}

/* Of the two moves of an exchange the one that came here is asked for first. */
static const struct noted *find_newest(const char *path, tick_t before)
{
	const struct noted *found = NULL;

	for (const struct noted *n = newest; n; n = n->older) {
		if (n->m.tick >= before || (found && n->m.tick < found->m.tick))
			continue;
		if (path_is_below(path, n->m.new_path))
			found = n;
		else if (path_is_below(path, n->m.old_path) && (!found || found->m.tick < n->m.tick))
			found = n;
	}
	return found;
}

int moves_ask(const char *path, tick_t before, struct moved *out, struct buf *origin)
{
	const struct noted *n;
	int r = 0;

	*out = (struct moved){ .how = MOVED_NOT };
	if (!count)
		return 0;
	pthread_mutex_lock(&lock);
	n = find_newest(path, before);
	if (n) {
		bool here = path_is_below(path, n->m.new_path);

		*out = (struct moved){ here ? MOVED_HERE : MOVED_AWAY, n->m.exchange, n->m.tick, n->m.old_mark };
		buf_truncate(origin, 0);
		if (here)
			r = path_join(origin, n->m.old_path, path + strlen(n->m.new_path) + 1);
	}
	pthread_mutex_unlock(&lock);
	return r;
}

bool moves_came_to(const char *path, tick_t after)
{
	bool came = false;

	pthread_mutex_lock(&lock);
	for (const struct noted *n = newest; n && !came; n = n->older)
		came = n->m.tick > after && strcmp(n->m.new_path, path) == 0;
	pthread_mutex_unlock(&lock);
	return came;
}

static int copy(const struct move *from, struct move *to)
{
	*to = *from;
	to->old_path = strdup(from->old_path);
	to->new_path = strdup(from->new_path);
	to->fd = from->fd < 0 ? -1 : fcntl(from->fd, F_DUPFD_CLOEXEC, 0);
	if (to->old_path && to->new_path)
		return 0;
	move_done(to);
	return -ENOMEM;
}

int moves_next(uint64_t below, struct move *out)
{
	const struct noted *n;
	int r = -ENOENT;

	if (!count)
		return r;
	pthread_mutex_lock(&lock);
	for (n = newest; n && (!n->over || n->m.id >= below); n = n->older)
		;
	if (n)
		r = copy(&n->m, out);
	pthread_mutex_unlock(&lock);
	return r;
}

uint64_t moves_last(bool *under_way)
{
	uint64_t id;

	pthread_mutex_lock(&lock);
	id = last_id;
	*under_way = false;
	for (const struct noted *n = newest; n; n = n->older)
		*under_way |= !n->over;
	pthread_mutex_unlock(&lock);
	return id;
}

bool moves_wait_for(uint32_t mark, tick_t first)
{
	bool waits = false;

	if (!count)
		return false;
	pthread_mutex_lock(&lock);
	for (const struct noted *n = newest; n && !waits; n = n->older)
		waits = n->m.tick >= first && (n->m.old_mark == mark || n->m.new_mark == mark);
	pthread_mutex_unlock(&lock);
	return waits;
}

void moves_drop(uint64_t upto)
{
	struct noted *n = NULL;

	pthread_mutex_lock(&lock);
	for (struct noted **p = &newest; *p;) {
		if ((*p)->m.id > upto) {
			p = &(*p)->older;
			continue;
		}
		struct noted *gone = take_locked(p);

		gone->older = n;
		n = gone;
	}
	pthread_mutex_unlock(&lock);
	while (n) {
		struct noted *older = n->older;

		note_free(n);
		n = older;
	}
}

bool moves_remain(void)
{
	return count > 0;
}

uint64_t moves_losses(void)
{
	return losses;
}

void moves_lose(void)
{
	losses++;
}

uint64_t moves_count(void)
{
	return renames;
}

void moves_counted(void)
{
	renames++;
}
