/* How long the kernel may believe an answer, in seconds. Request threads. */
#pragma once
#include "fs/lower.h"
#include "fs/observe.h"

/* What is sure to be told of when it changes: for a day. */
double believe_for(bool sure);
/*
 * That the name leads there. The kernel may be asking again (not by a listing): an answer to that may cross a notice that
 * a directory has moved on, and undo it.
 */
double believe_name(const struct found_name *f, bool asked_again);
/* That the name leads nowhere. The kernel alone knows how many of these there are, and windows (fs/window.h) must know each. */
double believe_absent(const struct found_name *f);
/*
 * What a request that has changed something answers of a node that the kernel knew before: it takes that even when it has
 * been told since that it is old.
 */
double believe_after_change(void);
/*
 * The request has changed these, and the kernel itself will forget what it knows of them when it is answered; but not that
 * an answer which is on its way to somebody else is older. From this call on that counts for nothing. Before the reply.
 */
void believe_changed(const struct observe_op *op);
