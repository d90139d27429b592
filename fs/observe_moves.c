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
	struct noted *older;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct noted *newest; /* with lock */
static uint64_t last_id;
static atomic_uint count; /* changed with lock; most requests find 0 and pass */
static atomic_bool overflowed;

void move_done(struct move *m)
{
	free(m->old_path);
	free(m->new_path);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct move){ .fd = -1 };
}

static struct noted *note_new(const char *old_path, const char *new_path, int fd, bool exchange)
{
	struct noted *n = calloc(1, sizeof(*n));

	if (!n) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	n->m = (struct move){ .old_path = strdup(old_path), .new_path = strdup(new_path), .fd = fd, .exchange = exchange };
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

uint64_t moves_begin(const char *old_path, const char *new_path, int fd, bool exchange)
{
	struct noted *n = note_new(old_path, new_path, fd, exchange);
	uint64_t id = 0;

	pthread_mutex_lock(&lock);
	if (n && count < MOVES_MAX) {
		id = n->m.id = ++last_id;
		n->older = newest;
		newest = take_ptr(n);
		count++;
	} else {
		overflowed = true;
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

void moves_set_marks(uint64_t id, uint32_t old_mark, uint32_t new_mark, tick_t tick)
{
	struct noted *n;

	pthread_mutex_lock(&lock);
	n = *find(id);
	if (n) {
		n->m.old_mark = old_mark;
		n->m.new_mark = new_mark;
		n->m.tick = tick;
	}
	pthread_mutex_unlock(&lock);
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

/* A move back undoes the one just before it: all below is where it was. */
static bool undoes(const struct noted *n)
{
	const struct noted *o = n->older;

	return o && o->over && !n->m.exchange && !o->m.exchange && strcmp(n->m.old_path, o->m.new_path) == 0 &&
	       strcmp(n->m.new_path, o->m.old_path) == 0;
}

void moves_end(uint64_t id, bool failed)
{
	struct noted *gone = NULL;
	struct noted *undone = NULL;
	struct noted **at;

	pthread_mutex_lock(&lock);
	at = find(id);
	if (*at) {
		(*at)->over = true;
		if (!failed && undoes(*at))
			undone = take_locked(&(*at)->older);
		if (failed || undone)
			gone = take_locked(at);
	}
	pthread_mutex_unlock(&lock);
	note_free(gone);
	note_free(undone);
}

static int ask_locked(const char *path, uint64_t *id, enum moved *answer, tick_t *tick, struct buf *origin)
{
	*answer = MOVED_NOT;
	for (const struct noted *n = newest; n; n = n->older) {
		const struct move *m = &n->m;
		bool here = path_is_below(path, m->new_path);
		bool away = path_is_below(path, m->old_path);

		if (m->id >= *id || (!here && !away))
			continue;
		*id = m->id;
		if (tick)
			*tick = m->tick;
		if (away || m->exchange) {
			*answer = MOVED_AWAY;
			return 0;
		}
		*answer = MOVED_HERE;
		buf_truncate(origin, 0);
		return path_join(origin, m->old_path, path + strlen(m->new_path) + 1);
	}
	return 0;
}

int moves_ask(const char *path, uint64_t *id, enum moved *answer, tick_t *tick, struct buf *origin)
{
	int r;

	*answer = MOVED_NOT;
	if (!count)
		return 0;
	pthread_mutex_lock(&lock);
	r = ask_locked(path, id, answer, tick, origin);
	pthread_mutex_unlock(&lock);
	return r;
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

int moves_next(struct move *out)
{
	const struct noted *n;
	int r = -ENOENT;

	if (!count)
		return r;
	pthread_mutex_lock(&lock);
	for (n = newest; n && !n->over; n = n->older)
		;
	if (n)
		r = copy(&n->m, out);
	pthread_mutex_unlock(&lock);
	return r;
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

void moves_drop(uint64_t id)
{
	struct noted *n;

	pthread_mutex_lock(&lock);
	n = take_locked(find(id));
	pthread_mutex_unlock(&lock);
	note_free(n);
}

bool moves_overflowed(void)
{
	return atomic_exchange(&overflowed, false);
}
