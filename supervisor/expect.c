#include "supervisor/expect.h"

#define ALIVE_MS 1000
#define QUIET_MAX_MS 30000

void expect_ended(struct expect *e, int64_t took_ms)
{
	if (took_ms > e->ends_after_ms)
		e->ends_after_ms = took_ms;
	e->lives = false;
}

void expect_up(struct expect *e, bool alive, int64_t took_ms, int64_t ready_timeout_ms)
{
	e->lives = alive && took_ms >= expect_limit_ms(e, ready_timeout_ms);
	e->ends_after_ms = 0;
}

int64_t expect_quiet_ms(const struct expect *e)
{
	if (e->ends_after_ms < ALIVE_MS)
		return ALIVE_MS;
	return e->ends_after_ms < QUIET_MAX_MS ? e->ends_after_ms : QUIET_MAX_MS;
}

int64_t expect_limit_ms(const struct expect *e, int64_t ready_timeout_ms)
{
	int64_t expected = e->lives ? ALIVE_MS : 2 * e->ends_after_ms;

	if (e->lives)
		return expected < ready_timeout_ms ? expected : ready_timeout_ms;
	return expected > ready_timeout_ms ? expected : ready_timeout_ms;
}
