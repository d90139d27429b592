/* Requests, noted: a tick and a mark before, a tick after. Every mutating request comes through here twice. */
#include "core/journal_parts.h"
#include <errno.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* the mark of this path, made when there is none; a mark without a request says nothing yet */
static int find_or_make(struct journal *j, struct touching *t)
{
	size_t len = strlen(t->path);
	uint32_t path;

	t->made = false;
	t->mark = 0;
	if (len > JOURNAL_PATH_MAX)
		return -ENAMETOOLONG;
	path = jpath_find(j, t->path, len);
	if (!path)
		path = jpath_make(j, t->path, len);
	if (!path)
		return -ENOSPC;
	t->mark = path_at(j, path)->mark;
	if (t->mark)
		return 0;
	t->mark = jmark_make(j, path);
	if (!t->mark) {
		jpath_collect(j, path);
		return -ENOSPC;
	}
	t->made = true;
	return 0;
}

static void undo(struct journal *j, struct touching *paths, size_t count)
{
	while (count--) {
		if (paths[count].made)
			jmark_remove(j, paths[count].mark);
	}
}

static void note(struct journal *j, const struct touching *t, tick_t tick, int64_t now, const struct writer *w)
{
	struct mark_item *m = mark_at(j, t->mark);

	if (!m->first) {
		m->first = tick;
		m->first_ns = now;
	}
	jmark_touch(j, m, t->touch);
	m->last_ns = now;
	if (w)
		jmark_set_writer(m, w);
	if ((t->touch & ~(unsigned)TOUCH_ATTR) && !m->doubt)
		PUBLISH(m->doubt, tick);
	PUBLISH(m->in_flight, m->in_flight + 1);
	j->in_flight++;
}

int journal_begin(struct journal *j, struct touching *paths, size_t count, const struct writer *w, tick_t *tick)
{
	int64_t now = now_ns();
	int r = 0;

	pthread_mutex_lock(&j->lock);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = find_or_make(j, &paths[i]);
		if (r < 0)
			undo(j, paths, i);
	}
	if (r == 0) {
		*tick = journal_next_tick(j);
		for (size_t i = 0; i < count; i++)
			note(j, &paths[i], *tick, now, w);
		jorder_keep_limit(j);
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}

static void note_end(struct journal *j, struct mark_item *m, tick_t tick, int64_t now, bool failed)
{
	PUBLISH(m->last, tick);
	m->last_ns = now;
	if (!failed) {
		m->effect = 1;
		if (m->doubt && !m->first_end)
			PUBLISH(m->first_end, tick);
	}
	PUBLISH(m->in_flight, m->in_flight - 1);
	j->in_flight--;
	/* whatever began since what is published has failed: nothing is in doubt */
	if (!m->in_flight && !m->first_end)
		PUBLISH(m->doubt, 0);
}

void journal_end(struct journal *j, const uint32_t *marks, size_t count, bool failed)
{
	int64_t now = now_ns();
	tick_t tick;

	pthread_mutex_lock(&j->lock);
	tick = journal_next_tick(j);
	for (size_t i = 0; i < count; i++) {
		struct mark_item *m = jmark_used(j, marks[i]);

		if (m && m->in_flight)
			note_end(j, m, tick, now, failed);
	}
	pthread_mutex_unlock(&j->lock);
}

void journal_set_before(struct journal *j, uint32_t mark, enum before how, const struct state *state, uint64_t size)
{
	struct mark_item *m;

	pthread_mutex_lock(&j->lock);
	m = jmark_used(j, mark);
	if (m && !m->moved)
		jmark_set_before(m, how, state, size);
	pthread_mutex_unlock(&j->lock);
}

static void copy_mark(const struct mark_item *m, uint32_t index, struct mark *out)
{
	const struct before_slot *before = jmark_before(m);

	*out = (struct mark){
		.index = index,
		.first = m->first,
		.last = m->last,
		.in_flight = m->in_flight,
		.touched = m->touched,
		.before = before->how,
		.state = before->state,
		.size = before->size,
		.writer = *jmark_writer(m),
		.first_ns = m->first_ns,
		.last_ns = m->last_ns,
		.published = m->published,
		.failed = m->last && !m->effect,
	};
}

bool journal_mark(struct journal *j, uint32_t mark, struct mark *out)
{
	const struct mark_item *m;

	pthread_mutex_lock(&j->lock);
	m = jmark_used(j, mark);
	if (m)
		copy_mark(m, mark, out);
	pthread_mutex_unlock(&j->lock);
	return m != NULL;
}

int journal_mark_path(struct journal *j, uint32_t mark, struct buf *out)
{
	const struct mark_item *m;
	int r;

	pthread_mutex_lock(&j->lock);
	m = jmark_used(j, mark);
	r = m ? jpath_text(j, m->path, out) : -ENOENT;
	pthread_mutex_unlock(&j->lock);
	return r;
}

uint32_t journal_mark_of(struct journal *j, const char *path)
{
	uint32_t index, mark;

	pthread_mutex_lock(&j->lock);
	index = jpath_find(j, path, strlen(path));
	mark = index ? path_at(j, index)->mark : 0;
	pthread_mutex_unlock(&j->lock);
	return mark;
}

static int by_first(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

int journal_marks(struct journal *j, tick_t upto, struct mark **out, size_t *count, size_t *in_flight)
{
	struct mark *marks;
	bool sorted = true;
	size_t n = 0;

	pthread_mutex_lock(&j->lock);
	marks = malloc((j->mark_count + 1) * sizeof(*marks));
	for (uint32_t i = j->first_mark; marks && i; i = mark_at(j, i)->next) {
		if (mark_at(j, i)->first > upto)
			continue;
		copy_mark(mark_at(j, i), i, &marks[n]);
		if (n && marks[n].first < marks[n - 1].first)
			sorted = false;
		n++;
	}
	*in_flight = j->in_flight;
	pthread_mutex_unlock(&j->lock);
	if (!marks)
		return -ENOMEM;
	/* those that the settler found below a moved directory are older than where they stand */
	if (!sorted)
		qsort(marks, n, sizeof(*marks), by_first);
	*out = marks;
	*count = n;
	return 0;
}
