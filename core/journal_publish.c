/* Marks become states. */
#include "core/journal_parts.h"
#include <errno.h>
#include <string.h>

static bool is_known(const struct state *s)
{
	return state_equal(s, s);
}

static bool known_to_differ(const struct state *a, const struct state *b)
{
	if (a->kind == STATE_UNKNOWN || b->kind == STATE_UNKNOWN)
		return false;
	return a->kind != b->kind || (is_known(a) && is_known(b) && !state_equal(a, b));
}

/* where the doubt begins */
static tick_t first_of(struct journal *j, const struct path_item *p, const struct mark_item *m,
		       const struct state *before)
{
	const struct state_item *s = p->newest ? state_at(j, p->newest) : NULL;

	/* was it changed behind the mount since its last state? when, nobody knows */
	if (s && !m->published && s->last < m->doubt && known_to_differ(&s->state, before))
		return s->last;
	return m->doubt;
}

/* has the directory moved after the last request of a mark below it, as far as is not published yet? */
static bool has_moved(struct journal *j, const char *dir, size_t len, const struct mark_item *below)
{
	uint32_t index = jpath_find(j, dir, len);
	const struct mark_item *m = index ? jmark_used(j, path_at(j, index)->mark) : NULL;

	return m && (m->touched & TOUCH_TREE) && m->doubt && (m->in_flight || m->last > below->last);
}

/*
 * From which clock on it is what it was compared to be. When a directory above it has moved since
 * its last request, and the settler has not yet said so (journal_mark_like), that is now.
 */
static tick_t last_of(struct journal *j, const struct mark_item *m)
{
	AUTO_BUF path = { 0 };

	if (!j->moves || m->last >= j->header->tick)
		return m->last;
	if (jpath_text(j, m->path, &path) < 0)
		return j->header->tick;
	for (size_t len = path.len; len--;) {
		if (path.data[len] == '/' && has_moved(j, path.data, len, m))
			return j->header->tick;
	}
	return m->last;
}

static void forget_states(struct journal *j, struct path_item *p)
{
	uint32_t newest = p->newest;

	if (!newest)
		return;
	PUBLISH(p->newest, 0);
	jstates_free(j, newest);
	j->published--;
}

/* The states' part of a publication. 0 or -ENOSPC */
static int add_states(struct journal *j, struct path_item *p, const struct mark_item *m, const struct state *before,
		      const struct state *after)
{
	bool is_new = !p->newest;
	int r;

	if (is_new && before->kind != STATE_UNKNOWN && jstates_add_first(j, p, before) < 0)
		return -ENOSPC;
	r = jstates_add(j, p, first_of(j, p, m, before), last_of(j, m), after);
	if (r < 0 && is_new)
		forget_states(j, p);
	return r;
}

/*
 * There is no room for what the path has become: then no clock before now is answered any more,
 * which says the same of every path.
 */
static void give_up(struct journal *j, struct path_item *p)
{
	PUBLISH(j->header->oldest, j->header->tick);
	forget_states(j, p);
}

/* what began and has not ended keeps its doubt: the comparison may have seen half of it */
static void note_published(struct mark_item *m)
{
	m->published = 1;
	PUBLISH(m->first_end, 0);
	if (!m->in_flight)
		PUBLISH(m->doubt, 0);
}

static int publish(struct journal *j, struct mark_item *m, const struct state *before, const struct state *after,
		   const struct stamp *stamp)
{
	struct path_item *p = path_at(j, m->path);
	tick_t last = p->newest ? state_at(j, p->newest)->last : 0;

	if (!m->first_end) {
		/* no state has changed, but perhaps what it is recognised by */
		if (p->newest && stamp && state_equal(&state_at(j, p->newest)->state, after))
			jstates_set_detail(p, p->detail_of == p->newest ? &p->writer : jmark_writer(m), stamp);
		return 0;
	}
	if (add_states(j, p, m, before, after) < 0)
		return -ENOSPC;
	jstates_set_detail(p, jmark_writer(m), stamp);
	if (state_at(j, p->newest)->last != last)
		jorder_add(j, m->path);
	note_published(m);
	return 0;
}

int journal_publish(struct journal *j, uint32_t mark, tick_t seen, const struct state *before,
		    const struct state *after, const struct stamp *stamp, bool settled)
{
	struct mark_item *m;
	int r = 0;

	pthread_mutex_lock(&j->lock);
	m = jmark_used(j, mark);
	if (!m)
		r = -ENOENT;
	else if (m->last != seen || !m->last || (settled && m->in_flight))
		r = -EAGAIN;
	if (r == 0 && publish(j, m, before, after, stamp) < 0) {
		/* an intermediate state may wait: until then it is answered "unknown" */
		if (settled)
			give_up(j, path_at(j, m->path));
	}
	if (r == 0 && settled)
		jmark_remove(j, mark);
	if (r == 0)
		jorder_keep_limit(j);
	pthread_mutex_unlock(&j->lock);
	return r;
}

void journal_lose_track(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	PUBLISH(j->header->oldest, journal_next_tick(j));
	pthread_mutex_unlock(&j->lock);
}

void journal_mark_stays(struct journal *j, uint32_t mark)
{
	struct mark_item *m;

	pthread_mutex_lock(&j->lock);
	m = jmark_used(j, mark);
	if (m && m->last) {
		tick_t tick = journal_next_tick(j);

		PUBLISH(m->last, tick);
	}
	pthread_mutex_unlock(&j->lock);
}

/* a mark on a path that has none, with everything of `like` but its requests */
static uint32_t make_like(struct journal *j, const struct mark_item *like, uint32_t path)
{
	uint32_t mark = jmark_make(j, path);
	struct mark_item *m = mark_at(j, mark);

	if (!mark)
		return 0;
	m->first = like->first;
	m->first_ns = like->first_ns;
	m->last_ns = like->last_ns;
	jmark_set_writer(m, jmark_writer(like));
	return mark;
}

/*
 * Of the move itself an answer may have been given already, when this path was not known to be part
 * of it: then whoever had that answer must be told with the next one.
 */
static tick_t last_of_move(struct journal *j, const struct mark_item *like)
{
	const struct journal_header *h = j->header;
	tick_t last = like->last ? like->last : h->tick;

	if (h->answered < last)
		return last;
	return h->answered < h->tick ? h->tick : journal_next_tick(j);
}

/*
 * Was the move before everything that the mark knows of, and is this new to it? Of one move what was
 * said first holds, but for what was not known then.
 */
static bool is_news(const struct mark_item *m, const struct mark_item *like)
{
	if (like->first > m->first || (m->moved && m->moved < like->first))
		return false;
	return m->moved != like->first || jmark_before(m)->state.kind == STATE_UNKNOWN;
}

static void widen(struct journal *j, struct mark_item *m, const struct mark_item *like)
{
	tick_t last = last_of_move(j, like);

	jmark_touch(j, m, TOUCH_NAME);
	if (m->last < last)
		PUBLISH(m->last, last);
	if (!m->doubt || m->doubt > like->first)
		PUBLISH(m->doubt, like->first);
	if (!m->first_end || m->first_end > like->first)
		PUBLISH(m->first_end, like->first);
	m->effect = 1;
}

static void correct(struct journal *j, struct mark_item *m, const struct mark_item *like, const struct state *before)
{
	if (!is_news(m, like))
		return;
	jmark_set_before(m, BEFORE_KNOWN, before, 0);
	m->moved = like->first;
	jstates_correct_first(j, path_at(j, m->path), like->first, before);
}

void journal_mark_moved(struct journal *j, uint32_t mark, uint32_t like)
{
	struct mark_item *m;
	const struct mark_item *l;

	pthread_mutex_lock(&j->lock);
	m = jmark_used(j, mark);
	l = jmark_used(j, like);
	if (m && l && m != l)
		widen(j, m, l);
	pthread_mutex_unlock(&j->lock);
}

int journal_mark_like(struct journal *j, uint32_t like, const char *path, const struct state *before, uint32_t *mark)
{
	size_t len = strlen(path);
	struct mark_item *l;
	uint32_t index, made = 0;

	if (len > JOURNAL_PATH_MAX)
		return -ENAMETOOLONG;
	pthread_mutex_lock(&j->lock);
	l = jmark_used(j, like);
	index = l ? jpath_find(j, path, len) : 0;
	if (l && !index)
		index = jpath_make(j, path, len);
	if (index) {
		made = path_at(j, index)->mark;
		if (!made)
			made = make_like(j, l, index);
		if (made) {
			correct(j, mark_at(j, made), l, before);
			widen(j, mark_at(j, made), l);
		} else {
			jpath_collect(j, index);
		}
	}
	pthread_mutex_unlock(&j->lock);
	if (!made)
		return l ? -ENOSPC : -ENOENT;
	*mark = made;
	return 0;
}

bool journal_stored(struct journal *j, const char *path, struct state *state, struct stamp *stamp)
{
	bool found = false;
	uint32_t index;

	pthread_mutex_lock(&j->lock);
	index = jpath_find(j, path, strlen(path));
	if (index) {
		const struct path_item *p = path_at(j, index);
		const struct state *s = p->newest ? &state_at(j, p->newest)->state : NULL;

		found = s && p->detail_of == p->newest && p->has_stamp && s->hashed;
		if (found) {
			*state = *s;
			*stamp = p->stamp;
		}
	}
	pthread_mutex_unlock(&j->lock);
	return found;
}

bool journal_newest(struct journal *j, const char *path, struct state *state)
{
	bool found = false;
	uint32_t index;

	pthread_mutex_lock(&j->lock);
	index = jpath_find(j, path, strlen(path));
	if (index && path_at(j, index)->newest) {
		*state = state_at(j, path_at(j, index)->newest)->state;
		found = true;
	}
	pthread_mutex_unlock(&j->lock);
	return found;
}

void journal_doubt(struct journal *j, const char *path)
{
	uint32_t index;

	pthread_mutex_lock(&j->lock);
	index = jpath_find(j, path, strlen(path));
	if (index && path_at(j, index)->newest) {
		struct state_item *s = state_at(j, path_at(j, index)->newest);

		PUBLISH(s->last, journal_next_tick(j));
		jorder_add(j, index);
	}
	pthread_mutex_unlock(&j->lock);
}
