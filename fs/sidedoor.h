/*
 * The side door: changes of the lower that did not come through the mount. The kernel tells of those in
 * directories that it has been asked to watch (fs/sidedoor_mark.h), which are the ones that the mount's own kernel
 * has looked up. One thread reads, and does nothing else, for the queue holds our own operations too; another one
 * handles: what the kernel has cached is dropped first, then the journal is told.
 */
#pragma once
#include "core/json.h"
#include "fs/sidedoor_ring.h"
#include "fs/table.h"

/* The watches. Once the table is there. 0 or -errno */
int sidedoor_start(void);
/* From here on events are read: those that a dead worker had not handled stand before them. 0 or -errno */
int sidedoor_read(void);
/* From here on changes are handled: the journal, the settler and the notifier run. 0 or -errno */
int sidedoor_serve(void);
void sidedoor_stop(void);

/*
 * A request thread has found this node at (dirfd, name), and is about to tell the kernel of it: it is watched from
 * now on when it is a directory, or a file with several names. Then *st is what it is since. Takes no lock of others.
 */
void sidedoor_found(node_id id, int dirfd, const char *name, struct stat *st);
/* With table_lock: the node is about to be freed. */
void sidedoor_forget(struct node *n);

/*
 * What was changed behind the mount before this question: true: the kernel and the journal have been told, or nothing is
 * watched. false: ask sidedoor_has_told() when there is progress. Never waits. Any thread, as the next two.
 */
bool sidedoor_ask(struct ring_moment *m);
bool sidedoor_has_told(struct ring_moment *m);
/* One more (or less) who waits for that: progress() is called from a thread of the side door. */
void sidedoor_await(int change, void (*progress)(void));

/* how, why not, marks, budget, events; the caller's */
json_t *sidedoor_status(void);
