/*
 * Files that are kept between one run of hrfs and the next, in a directory of their own below $XDG_STATE_HOME/hrfs (else
 * ~/.local/state/hrfs): 0700, its user's, reached through no link. Files only; any thread. Of two writers of one file
 * the last one wins whole.
 */
#pragma once
#include "core/base/buf.h"
#include "core/hash.h"
#include <stdbool.h>

/*
 * The directory, a descriptor; created when `create`. -ENOENT: it is not there, or there is no home to have it in; -EPERM:
 * it is somebody else's, others may write there, or root would make it in a user's home; -errno
 */
int statedir_open(const char *name, bool create);
/* a file's name made of what it is about, whatever that is */
void statedir_name(const void *key, size_t len, char name[static HASH_TEXT_SIZE]);
/* Appends all of it. -ENOENT; -EPERM: it is no regular file of this user's; -EFBIG; -errno */
int statedir_read(int dir, const char *name, size_t max_bytes, struct buf *out);
/* Whole or not at all, whenever it is killed: written aside, synced, renamed. 0 or -errno */
int statedir_write(int dir, const char *name, const void *data, size_t len);
/* removes the oldest until no more than `count` are left, those included that a killed writer has left aside */
void statedir_prune(int dir, size_t count);
