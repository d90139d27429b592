/* Waiting until everything up to a tick has settled, and whoever listens has been told. */
#include "fs/server_parts.h"
#include "fs/settle.h"

bool server_is_settled(tick_t tick)
{
	return tick <= batches_last() || tick <= settle_done();
}

void waiter_add(struct waiter *w)
{
	if (!w->patient)
		settle_hurry(w->tick);
	TAILQ_INSERT_TAIL(&server.waiters, w, link);
	server_look_again();
}

void waiter_remove(struct waiter *w)
{
	TAILQ_REMOVE(&server.waiters, w, link);
}

static bool all_told(struct connection *c)
{
	struct subscription *s;

	TAILQ_FOREACH(s, &server.subscriptions, link)
	{
		if (s->connection == c && !subscription_is_up_to_date(s))
			return false;
	}
	return true;
}

static bool is_over(struct waiter *w, tick_t settled)
{
	if (w->tick > settled || (w->connection && !all_told(w->connection)))
		return false;
	return !w->ready || w->ready(w);
}

void waiters_check(void)
{
	struct waiter *w = TAILQ_FIRST(&server.waiters);
	int64_t now = w ? server_now_ms() : 0;
	tick_t settled;

	if (!w)
		return;
	/* asked first: the batches up to it have been handed over by then, and are taken now */
	settled = settle_done();
	if (batches_take())
		push_all();
	if (settled < batches_last())
		settled = batches_last();
	while (w) {
		struct waiter *next = TAILQ_NEXT(w, link);
		bool in_time = is_over(w, settled);

		if (in_time || (w->deadline_ms >= 0 && now >= w->deadline_ms)) {
			waiter_remove(w);
			w->done(w, in_time);
		}
		w = next;
	}
}
