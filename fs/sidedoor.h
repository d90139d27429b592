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
 * now on when it is a directory, or a file with several names. Then *st is what it is since. before: sidedoor_marked()
 * before *st was taken. true: it has a mark of its own that tells of every change of it since *st was taken. Takes no lock of others.
 */
bool sidedoor_found(node_id id, int dirfd, const char *name, uint64_t before, struct stat *st);
/* How many objects have been marked: the same before and after, and none has been in between. */
uint64_t sidedoor_marked(void);
/*
 * Its mark tells of every change: of a directory's attributes and of all names in it and what they lead to (unless
 * that has other names too), of a file's content. Since before this call, and until the kernel forgets it.
 */
bool sidedoor_is_sure(node_id id);
/*
 * Somebody is about to list this directory for a client of the socket: it is watched as if the kernel had looked it up.
 * false: it cannot be. Any thread
 */
bool sidedoor_listed(const char *path);
/*
 * The root is about to be replaced: what it has been (descriptor `before`) is watched as this node (0: none), what it is to be as the root.
 * The handling thread's
 */
void sidedoor_watch_root(node_id old, int before, int fd);
/* Marks may have ended: a new one in the place of this one, or it counts as not marked. The handling thread's */
void sidedoor_watch_again(node_id id);
/* What the kernel believes may be wrong, for this reason: all is compared. Any thread */
void sidedoor_doubt(const char *why);
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
