/* How long things take and are waited for: when a build is cancelled, when a crashed server is started again. Pure, any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pace {
	int64_t build_ms;    /* what a build usually takes; 0: not known yet */
	bool cancelled_last; /* the last build was cancelled */
	unsigned crashes;    /* in a row */
};

/* a change came when a build had run for elapsed_ms: cancel it? else it is let finish, or autosave would starve it */
bool pace_may_cancel(const struct pace *p, int64_t elapsed_ms);
void pace_cancelled(struct pace *p);
/* a build ended by itself */
void pace_built(struct pace *p, int64_t took_ms);
/* a server crashed that had been ready for up_ms: milliseconds until it is started again */
int64_t pace_crashed(struct pace *p, int64_t up_ms);
/* new code is a new chance */
void pace_changed(struct pace *p);
