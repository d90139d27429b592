/*
 * The group of marks on the lower by which the kernel tells of changes there. Made by the keeper, so that
 * it outlives its workers. Any thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/hash.h"
#include "fs/node.h"
#include "fs/shared.h"

/*
 * Keeper: makes the group and its memory, where the lower can be watched, and says in the configuration how,
 * or why not.
 */
void sidedoor_prepare(struct worker_config *c);

/* By inotify, which does not tell whose a change was. */
bool sidedoor_guesses(void);
/* The kernel's setting that says how many objects may be marked. */
const char *sidedoor_budget(void);
/*
 * With marks_lock() where the mark is to be made: inotify gives the key to what is marked.
 * The key of the object at fd (O_PATH will do). sure (may be NULL): its file system is one of which it is known that it
 * tells of every change. 0 or -errno
 */
int mark_key(int fd, struct hash *key, bool *sure);
/* -ENOSPC: as many as there may be; -EACCES: not ours to read; -EOPNOTSUPP: of a file system whose changes nobody tells */
int mark_make(int fd, bool is_dir);
void mark_remove(int fd);
