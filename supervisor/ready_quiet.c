#include "supervisor/ready_quiet.h"

/* Timers and pings of a program that only waits: a virtual machine's own threads take one or two percent. */
#define QUIET_SHARE 20

bool quiet_look(struct quiet *q, uint64_t now_ms, uint64_t used_ms, bool works, uint64_t wanted_ms)
{
	q->worked = works ? q->worked + 1 : 0;
	/* what it has used can become less: of children that nobody waited for */
	if (q->worked > 1 || used_ms < q->used_ms || used_ms - q->used_ms > wanted_ms / QUIET_SHARE) {
		q->since_ms = now_ms;
		q->used_ms = used_ms;
	}
	return now_ms - q->since_ms >= wanted_ms;
}
