/*
 * Names that the kernel has been told are absent, and for how long: nothing else remembers them. Any thread; a lock of
 * its own.
 */
#pragma once
#include "fs/node.h"

/* it will be told so, for timeout_s from now. false: too many are remembered, so the kernel must not keep it */
bool negative_note(node_id dir, const char *name, double timeout_s);
/* There is room for those that are to be remembered for long. */
bool negative_has_room(void);
/* fn for each that is still good, without the lock; true: it is forgotten */
void negative_each(bool (*fn)(node_id dir, const char *name, void *arg), void *arg);
