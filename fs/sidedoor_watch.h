/*
 * Which objects of the lower have a mark, and which node each of them is. Any thread; a lock of its
 * own, taken last: also below table_lock.
 */
#pragma once
#include "fs/node.h"
#include "fs/sidedoor_memory.h"

/* From what a dead worker has left, or empty. 0 or -errno */
int watch_open(void);
/* Before the mark is made. 0 or -ENOSPC, -ENOMEM */
int watch_add(node_id id, const struct hash *key, tick_t since);
void watch_drop(node_id id);
bool watch_has(node_id id);
/* The node with this mark, or 0. since: may be NULL */
node_id watch_find(const struct hash *key, tick_t *since);
/* From which tick on of the journal its changes are known. false: they are not */
bool watch_since(node_id id, tick_t *since);
bool watch_key(node_id id, struct hash *key);
/* One of its flags (WATCH_…). false: it is not set, or there is no entry */
bool watch_is(node_id id, uint32_t flag);
/* true: the entry is there, and has not had it before */
bool watch_set(node_id id, uint32_t flag);
void watch_clear(node_id id, uint32_t flags);
size_t watch_count(void);
/* Calls fn for each that is adopted. */
void watch_each_adopted(void (*fn)(node_id id));
