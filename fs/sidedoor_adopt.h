/*
 * Directories that have come behind the mount into one that is watched: whoever looked into that one
 * wants to hear what they hold, so they are watched before the kernel asks. The handling thread's.
 */
#pragma once
#include "fs/sidedoor_batch.h"

/* It and all that is below: watched, and each name told as made. */
void adopt(struct batch_of_events *b, node_id dir, const char *name, pid_t pid);
/* It is gone. */
void adopt_drop(node_id dir);
/* The same of all that lies in the tree no longer. */
void adopt_drop_lost(void);
/* The directory at this path, if it is watched then so that every change is told. Any thread */
bool adopt_path(const char *path);
/* Those of a dead worker stay. Before anything is freed */
void adopt_again(void);
/* How many are kept now. Any thread */
size_t adopt_count(void);
