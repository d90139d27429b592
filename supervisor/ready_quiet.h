/*
 * Has a job nothing to do for a while? A server that waits for what comes is quiet; a test run or a start that takes
 * its time is not. Pure: somebody else looks, at intervals of his own.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct quiet {
	uint64_t since_ms, used_ms; /* at the begin of the time in which it may be quiet */
	int worked;		    /* looks in a row that found it at work */
};

/*
 * now_ms: of any clock; used_ms: of a processor so far; works: it runs at this very moment. True when it has been quiet
 * for wanted_ms: it has used less than a twentieth of a processor and never worked at two looks in a row.
 */
bool quiet_look(struct quiet *q, uint64_t now_ms, uint64_t used_ms, bool works, uint64_t wanted_ms);
