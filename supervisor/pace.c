#include "supervisor/pace.h"

#define FIRST_BACKOFF_MS 500
#define LAST_BACKOFF_MS 30000
#define STABLE_MS 60000

bool pace_may_cancel(const struct pace *p, int64_t elapsed_ms)
{
	return p->build_ms && !p->cancelled_last && elapsed_ms < p->build_ms / 2;
}

void pace_cancelled(struct pace *p)
{
	p->cancelled_last = true;
}

void pace_built(struct pace *p, int64_t took_ms)
{
	p->cancelled_last = false;
	if (took_ms < 1)
		took_ms = 1;
	/* the first build of all fills caches: later ones soon outweigh it */
	p->build_ms = p->build_ms ? (p->build_ms + took_ms) / 2 : took_ms;
}

int64_t pace_crashed(struct pace *p, int64_t up_ms)
{
	int64_t ms = FIRST_BACKOFF_MS;

	if (up_ms >= STABLE_MS)
		p->crashes = 0;
	for (unsigned i = 0; i < p->crashes && ms < LAST_BACKOFF_MS; i++)
		ms *= 2;
	p->crashes++;
	return ms < LAST_BACKOFF_MS ? ms : LAST_BACKOFF_MS;
}

void pace_changed(struct pace *p)
{
	p->crashes = 0;
}
