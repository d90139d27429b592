/*
 * Files of whose changes nobody tells, in a mount in which the kernel drops pages only when we say so (config.long_cache):
 * their directory could not be marked, or lies on another file system. We compare for the kernel: attributes that are not
 * those of last time, and pages that are a second old, take the pages with them.
 */
#pragma once
#include "fs/node.h"

struct local;

/* A successor knows nothing of what was answered before it. Before anything is served; 0 or -errno */
int untold_start(void);
/*
 * A request thread is about to answer these attributes. sure: every change of them is told of. known: the kernel had
 * the node before. Returns when it has dropped what is older than they are, or after a moment in vain.
 */
void untold_attributes(node_id id, const struct stat *st, bool sure, bool known);
/* It is about to answer pages. */
void untold_read(node_id id);
/* With table_lock: the node is about to be freed. */
void untold_forget(struct local *l);
/* How many files there are of which that is so. */
size_t untold_count(void);
