#include "fs/settle_round.h"
#include "core/base/buf.h"
#include "fs/hold.h"
#include "fs/observe_moves.h"
#include "fs/observe_trace.h"
#include "fs/settle_lock.h"
#include "fs/settle_noisy.h"
#include "fs/settle_publish.h"
#include "fs/settle_tree.h"
#include "fs/writer.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define BACK_OFF_FIRST_NS 1000000LL
#define BACK_OFF_LAST_NS 32000000LL

struct settling settling = { .back_off_ns = BACK_OFF_FIRST_NS };

int64_t round_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void round_done(struct round *r)
{
	free(r->marks);
	free(r->b.marks);
	look_done(&r->look);
}

static bool is_left_over(const struct mark *m, int64_t now)
{
	AUTO_BUF path = { 0 };

	if (trace_of(m->index, m->first_ns).left_over)
		return true;
	return noisy_any(now) && journal_mark_path(settling.journal, m->index, &path) == 0 && noisy_is(buf_str(&path), now);
}

static int list(struct round *r)
{
	size_t count, in_flight;
	tick_t hurry = settling.hurry;
	int e;

	r->upto = journal_tick(settling.journal);
	e = journal_marks(settling.journal, r->upto, &r->marks, &count, &in_flight);
	if (e < 0)
		return e;
	r->b.marks = calloc(count + 1, sizeof(*r->b.marks));
	if (!r->b.marks)
		return -ENOMEM;
	r->b.count = count;
	for (size_t i = 0; i < count; i++) {
		const struct mark *m = &r->marks[i];

		r->b.marks[i] = (struct rule_mark){
			.first_ns = m->first_ns,
			.last_ns = m->last_ns,
			.in_flight = m->in_flight > 0,
			.hurried = m->first <= hurry,
			.left_over = is_left_over(m, r->b.now_ns),
		};
		r->in_flight |= m->in_flight > 0;
		r->left_over |= r->b.marks[i].left_over;
		r->b.git |= strcmp(m->writer.command, "git") == 0;
	}
	return 0;
}

static bool mark_lives(uint32_t mark, int64_t born_ns, void *arg)
{
	struct mark m;

	return journal_mark(settling.journal, mark, &m) && m.first_ns == born_ns;
}

static void tell(struct telling *t, tick_t done)
{
	struct timespec wall;
	struct batch batch = {
		.from = settling.done,
		.to = done,
		.settled_ns = round_now_ns(),
		.count = t->count,
		.changes = t->changes,
		.truncated = t->truncated,
	};

	batch.first_ns = t->count ? t->first_ns : batch.settled_ns;
	clock_gettime(CLOCK_REALTIME, &wall);
	batch.time_ms = wall.tv_sec * 1000LL + wall.tv_nsec / 1000000;
	settling.listener(&batch, settling.arg);
	settling.done = done; /* only now: who asks finds the batch told */
}

/* What is left behind when others are told holds up nobody any more. */
static void leave_over(const struct round *r)
{
	if (!r->b.capped)
		return;
	for (size_t i = 0; i < r->b.count; i++) {
		if (r->b.marks[i].verdict == VERDICT_WAIT && !r->b.marks[i].left_over &&
		    r->b.now_ns - r->b.marks[i].first_ns >= r->b.cap_ns)
			trace_leave_over(r->marks[i].index, r->marks[i].first_ns);
	}
	lock_give_up();
}

static void note_noisy(const struct round *r, const struct rule_mark *rule, const struct item *i)
{
	if (rule->verdict == VERDICT_PUBLISH_OPEN && rule->left_over && r->b.now_ns - rule->last_ns < r->b.cap_ns)
		noisy_note(i->path, r->b.now_ns);
}

/* The batch is told when it says something, or when somebody waits to hear how far everything has settled. */
static void tell_if_wanted(struct telling *t, tick_t done)
{
	tick_t hurry = settling.hurry;
	bool answered = hurry > settling.hurry_told && done >= (hurry < UINT64_MAX ? hurry : 0);

	if (answered)
		settling.hurry_told = hurry;
	if (t->count || t->truncated || answered)
		tell(t, done);
	else
		settling.done = done;
}

/*
 * What stays is older than what is told: batches go on all the same, and it comes with a later one,
 * also to whoever takes this one's clock.
 */
static tick_t go_on_without(const struct round *r)
{
	tick_t tick = journal_take_tick(settling.journal);

	for (size_t i = 0; i < r->b.count; i++) {
		struct mark m;

		if (journal_mark(settling.journal, r->marks[i].index, &m) && m.first_ns == r->marks[i].first_ns)
			journal_mark_stays(settling.journal, m.index);
	}
	return tick;
}

/* All are compared before any is published: a batch is told whole. False: somebody goes on writing, look again later. */
static bool compare_all(const struct round *r, struct telling *t, struct item *items)
{
	for (size_t i = 0; i < r->b.count; i++) {
		const struct rule_mark *rule = &r->b.marks[i];

		items[i].mark = r->marks[i];
		items[i].open = rule->verdict == VERDICT_PUBLISH_OPEN;
		items[i].forced = rule->hurried || rule->left_over || r->b.capped;
		if (rule->verdict != VERDICT_WAIT)
			item_compare(t, &items[i]);
	}
	for (size_t i = 0; i < r->b.count; i++) {
		if (items[i].path && !items[i].forced && item_is_stale(t, &items[i]))
			return false;
	}
	return true;
}

/* How far everything has settled then; what remains decides. */
static tick_t publish_all(const struct round *r, struct telling *t, struct item *items, size_t *count)
{
	tick_t done = r->upto;
	bool all = true;

	for (size_t i = 0; i < r->b.count; i++) {
		item_publish(t, &items[i]);
		*count += items[i].settled;
		if (items[i].settled) {
			note_noisy(r, &r->b.marks[i], &items[i]);
			continue;
		}
		all = false;
		if (r->marks[i].first <= done)
			done = r->marks[i].first - 1;
	}
	if (all) {
		writer_next_batch();
		hold_sweep(mark_lives, NULL);
	}
	return done > settling.done || !(t->count || t->truncated) ? done : go_on_without(r);
}

/* Not every path that has changed is known: then all may have. */
static bool lost_track(void)
{
	static _Atomic uint64_t known;

	return tree_lose_track(settling.journal, &known);
}

/* Publishes what the verdicts say. False: nothing, somebody goes on writing. */
static bool publish(struct round *r)
{
	struct telling t = { .journal = settling.journal, .root_fd = settling.root_fd, .dev = settling.dev };
	AUTO_FREE struct item *items = calloc(r->b.count, sizeof(*items));
	bool whole = items && compare_all(r, &t, items);
	size_t count = 0;
	tick_t done;

	settling.telling = true;
	if (whole) {
		t.truncated |= lost_track();
		done = publish_all(r, &t, items, &count);
		telling_complete(&t);
		tell_if_wanted(&t, done > settling.done ? done : settling.done);
	}
	settling.telling = false;
	for (size_t i = 0; items && i < r->b.count; i++)
		free(items[i].path);
	telling_done(&t);
	return count > 0;
}

/* Up to the first mark everything has settled. */
static void note_done(const struct round *r)
{
	/* with marks the batch that they become will say it */
	struct telling none = { .truncated = !r->b.count && lost_track() };
	tick_t done = r->b.count ? r->marks[0].first - 1 : r->upto;

	if (none.truncated)
		done = journal_tick(settling.journal);
	if (done > settling.done || none.truncated || settling.hurry > settling.hurry_told)
		tell_if_wanted(&none, done > settling.done ? done : settling.done);
}

static int64_t back_off(const struct round *r)
{
	int64_t wait = settling.back_off_ns;

	if (!r->look.again)
		return INT64_MAX;
	if (settling.back_off_ns < BACK_OFF_LAST_NS)
		settling.back_off_ns *= 2;
	return round_now_ns() + wait;
}

int64_t round_look(struct round *r)
{
	int64_t again;

	r->b.now_ns = round_now_ns();
	r->b.quiet_ns = settling.quiet_ns;
	r->b.cap_ns = settling.cap_ns;
	if (list(r) < 0)
		return r->b.now_ns + BACK_OFF_LAST_NS; /* no memory */
	note_done(r);
	if (!r->b.count)
		return INT64_MAX;
	if (!rules_worth_a_look(&r->b)) {
		settling.back_off_ns = BACK_OFF_FIRST_NS;
		return r->b.until_ns;
	}
	look_around(&r->look, &r->b, r->marks, settling.journal, settling.root_fd, settling.dev);
	if (rules_decide(&r->b)) {
		/* what lies below directories that have moved comes in only now: they may have moved back until now */
		bool more = tree_expand(settling.journal, settling.root_fd);

		if (moves_remain()) /* one is under way this very moment */
			return r->b.now_ns + BACK_OFF_FIRST_NS;
		if (more)
			return 0;
		again = publish(r) ? 0 : r->b.now_ns + BACK_OFF_FIRST_NS;
		settling.back_off_ns = BACK_OFF_FIRST_NS;
	} else {
		again = back_off(r);
		again = again < r->b.until_ns ? again : r->b.until_ns;
	}
	leave_over(r);
	return again;
}
