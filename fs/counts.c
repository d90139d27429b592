#include "fs/counts.h"
#include "fs/ops.h"

enum phase { STILL, APPLYING, APPLIED, RETURNING, PHASES };

static void move(struct lane *l, uint32_t finished, enum phase phase)
{
	__atomic_store_n(&l->counts.progress, finished * PHASES + phase, __ATOMIC_SEQ_CST);
}

static uint32_t finished(const struct lane *l)
{
	return l->counts.progress / PHASES;
}

static void apply(struct lane *l, struct node *n, uint64_t lookups)
{
	uint32_t at = finished(l);

	l->counts.node = table_id(n);
	l->counts.before = n->lookups;
	move(l, at, APPLYING);
	n->lookups = lookups;
	move(l, at, APPLIED);
	move(l, at + 1, STILL);
}

bool counts_can_take(void)
{
	return finished(lane_current()) < TAKEN_MAX;
}

bool counts_take(struct node *n)
{
	struct lane *l = lane_current();

	if (!counts_can_take())
		return false;
	l->counts.taken[finished(l)] = table_id(n);
	apply(l, n, n->lookups + 1);
	return true;
}

void counts_forget(struct node *n, uint64_t count, uint32_t i)
{
	struct lane *l = lane_current();

	if (i < finished(l))
		return;
	if (n)
		apply(l, n, n->lookups > count ? n->lookups - count : 0);
	else
		move(l, i + 1, STILL);
}

uint32_t counts_taken(void)
{
	return finished(lane_current());
}

/*
 * From the last: a successor finds noted what is still to be given back. Of those that were taken before others
 * which stay, none is noted any more; the request has been answered, and nobody will ask.
 */
void counts_give_back(uint32_t i, uint32_t n)
{
	struct lane *l = lane_current();
	bool noted = n == finished(l);

	pthread_mutex_lock(&table_lock);
	while (n-- > i) {
		struct node *node = table_node(l->counts.taken[n]);

		l->counts.node = l->counts.taken[n];
		l->counts.before = node ? node->lookups : 0;
		if (noted)
			move(l, n, RETURNING);
		if (node && node->lookups) {
			node->lookups--;
			table_collect(node);
		}
		if (noted)
			move(l, n, STILL);
	}
	pthread_mutex_unlock(&table_lock);
}

/* The lock was held while it was applied: nobody else has changed the count since. */
void counts_recover(struct lane *l)
{
	struct node *n = table_node(l->counts.node);

	switch (l->counts.progress % PHASES) {
	case APPLYING:
		if (n)
			n->lookups = l->counts.before;
		move(l, finished(l), STILL);
		break;
	case APPLIED:
		move(l, finished(l) + 1, STILL);
		break;
	case RETURNING:
		if (n && l->counts.before)
			n->lookups = l->counts.before - 1;
		move(l, finished(l), STILL);
		break;
	default:
		break;
	}
}
