/*
 * Does a command end, or does it serve? Of one that says nothing (no `ready:`) and listens nowhere only its past tells.
 * Pure; zeroed it knows nothing. Times in milliseconds.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct expect {
	int64_t ends_after_ms; /* the longest run that ended by itself since the last that did not; 0: none */
	bool lives;	       /* the last one did not end, though it was at work all the time */
};

/* a run has ended by itself, and was never more than alive */
void expect_ended(struct expect *e, int64_t took_ms);
/* one counts as ready after took_ms; alive: for nothing but being alive */
void expect_up(struct expect *e, bool alive, int64_t took_ms, int64_t ready_timeout_ms);
/* how long the next one must have nothing to do to count as ready, from a second to half a minute */
int64_t expect_quiet_ms(const struct expect *e);
/* after what time it counts as ready though it is at work */
int64_t expect_limit_ms(const struct expect *e, int64_t ready_timeout_ms);
