#include "fs/settle_rules.h"

/* So many caps: for a file that is written again and again while it is open, and for git. */
#define PATIENCE 10
/*
 * A git that ends is often followed by the next one at once (a checkout there and back, a rebase's
 * steps), which takes so long to start and to read its index.
 */
#define GIT_QUIET_NS 40000000LL
/* Between emptying a file and filling it a save takes no time but what a busy machine makes it wait. */
#define BEGUN_NS 50000000LL

struct overall { /* of the marks that may hold up the batch */
	size_t count;
	int64_t first_ns, last_ns;
	bool in_flight;
};

static struct overall look_over(const struct rule_batch *b)
{
	struct overall o = { .first_ns = INT64_MAX };

	for (size_t i = 0; i < b->count; i++) {
		const struct rule_mark *m = &b->marks[i];

		if (m->left_over)
			continue;
		o.count++;
		o.in_flight |= m->in_flight;
		if (m->first_ns < o.first_ns)
			o.first_ns = m->first_ns;
		if (m->last_ns > o.last_ns)
			o.last_ns = m->last_ns;
	}
	return o;
}

static bool any_hurried(const struct rule_batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->marks[i].hurried && !b->marks[i].in_flight)
			return true;
	}
	return false;
}

static int64_t quiet_of(const struct rule_batch *b)
{
	return b->git && b->quiet_ns < GIT_QUIET_NS ? GIT_QUIET_NS : b->quiet_ns;
}

static bool is_quiet(const struct rule_batch *b, const struct overall *o)
{
	return !o->in_flight && b->now_ns - o->last_ns >= quiet_of(b);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * Half a checkout, or half of what a tool makes, is of no use to anybody: while it goes on writing,
 * the cap is one on its pauses.
 */
static int64_t cap_at(const struct rule_batch *b, const struct overall *o)
{
	if (!o->count)
		return INT64_MAX;
	if (b->git || b->locked || b->tool)
		return earlier(o->last_ns + b->cap_ns, o->first_ns + PATIENCE * b->cap_ns);
	return o->first_ns + b->cap_ns;
}

/* of those that were left over: when the first of them may be due */
static int64_t next_left_over(const struct rule_batch *b)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < b->count; i++) {
		const struct rule_mark *m = &b->marks[i];

		if (m->left_over && !m->in_flight)
			next = earlier(next, m->last_ns + b->quiet_ns);
	}
	return next;
}

bool rules_worth_a_look(struct rule_batch *b)
{
	struct overall o = look_over(b);
	int64_t left_over = next_left_over(b);

	b->cap_at_ns = cap_at(b, &o);
	b->until_ns = earlier(left_over, b->cap_at_ns);
	if (any_hurried(b) || b->now_ns >= b->cap_at_ns || (o.count && is_quiet(b, &o)))
		return true;
	if (o.count && !o.in_flight)
		b->until_ns = earlier(b->until_ns, o.last_ns + quiet_of(b));
	return left_over <= b->now_ns;
}

void rules_cap(struct rule_batch *b)
{
	struct overall o = look_over(b);

	b->cap_at_ns = cap_at(b, &o);
	b->capped = b->now_ns >= b->cap_at_ns;
}

bool rules_ask_open(const struct rule_batch *b, const struct rule_mark *m, bool held_up)
{
	return !held_up || b->capped || m->hurried || m->left_over;
}

/* Beside the batch, or at its cap: each mark for itself. */
static enum verdict decide_alone(const struct rule_batch *b, const struct rule_mark *m)
{
	int64_t quiet_ns = b->now_ns - m->last_ns;

	if (m->in_flight)
		return VERDICT_WAIT;
	if (m->open && (quiet_ns >= b->cap_ns || b->now_ns - m->first_ns >= PATIENCE * b->cap_ns))
		return VERDICT_PUBLISH_OPEN;
	return !m->open && quiet_ns >= b->quiet_ns ? VERDICT_PUBLISH : VERDICT_WAIT;
}

/* Somebody waits for it, and for nobody who has it open. */
static enum verdict decide_hurried(const struct rule_batch *b, const struct rule_mark *m)
{
	if (m->open && m->begun && !b->capped && b->now_ns - m->last_ns < BEGUN_NS)
		return VERDICT_WAIT;
	return m->open ? VERDICT_PUBLISH_OPEN : VERDICT_PUBLISH;
}

static bool any_open(const struct rule_batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->marks[i].open && !b->marks[i].left_over)
			return true;
	}
	return false;
}

size_t rules_decide(struct rule_batch *b)
{
	struct overall o = look_over(b);
	bool over = o.count && is_quiet(b, &o) && !b->locked && !b->tool && !any_open(b);
	size_t n = 0;

	rules_cap(b);
	for (size_t i = 0; i < b->count; i++) {
		struct rule_mark *m = &b->marks[i];

		m->verdict = VERDICT_WAIT;
		if (m->hurried && !m->in_flight)
			m->verdict = decide_hurried(b, m);
		else if (m->left_over || b->capped)
			m->verdict = decide_alone(b, m);
		else if (over && !m->in_flight)
			m->verdict = VERDICT_PUBLISH;
		n += m->verdict != VERDICT_WAIT;
	}
	b->until_ns = next_left_over(b);
	if (!b->capped)
		b->until_ns = earlier(b->until_ns, b->cap_at_ns);
	return n;
}
