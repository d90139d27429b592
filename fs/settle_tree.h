/* Directories that have moved: every path below is made a mark of its own. Off the request threads. */
#pragma once
#include "core/journal.h"

/* Walks what has moved and has not been walked. True: there was something, and there are more marks than before. */
bool tree_expand(struct journal *j, int root_fd);
/*
 * Something could not be walked (too many, too deep, no room): all paths may have changed, and the journal is told so.
 * false: nothing that *known, the caller's own, does not count already
 */
bool tree_lose_track(struct journal *j, _Atomic uint64_t *known);
