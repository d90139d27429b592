#include "fs/settle_compare.h"
#include "core/base/cleanup.h"
#include "fs/hold.h"
#include "fs/observe_content.h"
#include "fs/observe_reach.h"
#include "fs/observe_trace.h"
#include <errno.h>
#include <time.h>

#define ALL UINT64_MAX
/* Beyond this a file is read only when that decides something: one that was not there has changed whatever is in it. */
#define UNASKED_MOST (16UL << 20)
/* Other saves wait meanwhile: what is not compared by then has changed. */
#define READING_MOST_NS 2000000000LL
/* A log that only grows is not read anew each time that it has grown: it has changed, that is known. */
#define GROWING_MOST (64UL << 20)

static bool touches_only(const struct mark *m, unsigned touch)
{
	return !(m->touched & ~touch);
}

/* Nothing has touched the content, and it is known: it need not be read. */
static bool content_is_known(const struct mark *m)
{
	return touches_only(m, TOUCH_MODE | TOUCH_ATTR) && m->before == BEFORE_KNOWN && m->state.kind == STATE_FILE &&
	       m->state.hashed;
}

static bool only_grows(const struct mark *m, const struct stat *st)
{
	return m->before == BEFORE_PREFIX && (uint64_t)st->st_size > GROWING_MOST && (uint64_t)st->st_size > m->size;
}

static int64_t deadline(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec + READING_MOST_NS;
}

/* The content decides only where there was a file before too. */
static bool is_worth_reading(const struct mark *m, const struct stat *st)
{
	return (uint64_t)st->st_size <= UNASKED_MOST || m->state.kind == STATE_FILE;
}

static void before_from_now(const struct mark *m, const struct stat *st, int fd, struct compared *out)
{
	uint64_t size = (uint64_t)st->st_size;

	if (m->before == BEFORE_CONTENT || (m->before == BEFORE_PREFIX && m->size == size)) {
		if (out->after.hashed)
			out->before = state_with_content(m->state, out->after.content);
	} else if (m->before == BEFORE_PREFIX && m->size < size) {
		out->before = state_hashed(m->state, fd, m->size, deadline());
	}
}

static void compare_file(const struct mark *m, int at, const struct stat *st, struct compared *out)
{
	AUTO_FD fd = -1;

	out->stamp = stamp_of(st);
	out->has_stamp = true;
	if (content_is_known(m)) {
		out->after = state_with_content(out->after, m->state.content);
		return;
	}
	if (only_grows(m, st) || !is_worth_reading(m, st))
		return;
	fd = content_open_again(at);
	if (fd < 0)
		return;
	out->after = state_hashed(out->after, fd, ALL, deadline());
	before_from_now(m, st, fd, out);
}

static void look(int root_fd, const struct mark *m, const char *path, struct compared *out)
{
	AUTO_FD at = reach(root_fd, path);
	struct stat st;

	if (at < 0 || fstat(at, &st)) {
		out->after = at == -ENOENT || at == -ENOTDIR ? state_absent() : state_unknown();
		return;
	}
	out->after = state_of_mode(st.st_mode);
	if (S_ISREG(st.st_mode))
		compare_file(m, at, &st, out);
	else if (S_ISLNK(st.st_mode) && state_of_link(at, "", &out->after) < 0)
		out->after = state_unknown();
}

static uint64_t size_of(int fd, uint64_t limit)
{
	struct stat st;

	if (fstat(fd, &st))
		return limit;
	return (uint64_t)st.st_size < limit ? (uint64_t)st.st_size : limit;
}

/* The path is back, so what it was is worth reading. */
static void before_from_held(const struct mark *m, struct compared *out)
{
	uint64_t limit, size;
	AUTO_FD fd = -1;

	if (m->before != BEFORE_HELD || out->after.kind != STATE_FILE)
		return;
	fd = hold_get(m->index, m->first_ns, &limit);
	if (fd < 0)
		return;
	size = size_of(fd, limit);
	/* of another size it has changed; small ones are read all the same, for who asks what was there */
	if (size == out->stamp.size || size <= UNASKED_MOST)
		out->before = state_hashed(m->state, fd, limit, deadline());
}

static enum change_reason why_equal(const struct mark *m, const struct state *before)
{
	if (touches_only(m, TOUCH_MODE | TOUCH_ATTR))
		return CHANGE_ONLY_TIMES;
	if (before->kind == STATE_ABSENT || m->published || trace_of(m->index, m->first_ns).rounds > 1)
		return CHANGE_REVERTED;
	return CHANGE_SAME_CONTENT;
}

void compare(int root_fd, const struct mark *m, const char *path, struct compared *out)
{
	*out = (struct compared){ .before = m->state, .reason = CHANGE_REAL };
	if (m->before == BEFORE_PENDING)
		out->before = state_unknown();
	if (touches_only(m, TOUCH_ATTR) && !content_is_known(m) && m->state.kind != STATE_ABSENT) {
		/* never a change of state, unless its directory has moved here: not worth reading the file for */
		out->after = out->before;
		out->reason = CHANGE_ONLY_TIMES;
		return;
	}
	look(root_fd, m, path, out);
	before_from_held(m, out);
	if (state_equal(&out->before, &out->after))
		out->reason = why_equal(m, &out->before);
}
