/*
 * When a save is over, and what of it is a change. One thread of its own decides; it starts with
 * settle_start(). No fixed delay: see docs/architecture.md.
 */
#pragma once
#include "core/change.h"

/*
 * Called in the settling thread for each batch, in order of ticks. The batch is valid during the call
 * only. One without any change (count 0) says only that settle_done() has gone on for somebody who asked.
 */
typedef void settle_listener(const struct batch *batch, void *arg);

struct settle_options {
	int quiet_ms; /* 2 by default: who is kept from going on longer than that is seen to be */
	int cap_ms;   /* 500 by default */
};

int settle_start(const struct settle_options *o, settle_listener *listener, void *arg);
/* Ends the thread after it has published what is there. */
void settle_stop(void);
/*
 * Compares now every path whose mark is <= upto and whose request has ended, and publishes what
 * differs to the journal as an intermediate state (no batch is told): what `query` and `since` need
 * before they look. May hash; never on a request thread or the loop. 0 or -errno.
 */
int settle_compare_now(tick_t upto);
/* A request has ended. Any thread; quick. */
void settle_wake(void);
/* The last tick up to which everything has settled and the listener has been told. Any thread. */
tick_t settle_done(void);
/* Ask for everything up to now to be settled as if it were quiet (hrfs wait does not wait for open writers). */
void settle_hurry(tick_t upto);
