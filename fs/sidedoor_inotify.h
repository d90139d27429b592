/*
 * The side door where fanotify is refused, as by the seccomp profile of a container: the same marks as watches of inotify,
 * and what it tells in the words of fanotify (fs/sidedoor_event.h), with no process. So whose a change was is a guess.
 */
#pragma once
#include "core/hash.h"
#include "fs/sidedoor_event.h"

/* The keeper's. A descriptor or -errno */
int inotify_group(void);
/* Watches the object at fd (O_PATH will do) and gives its key: the same one for as long as it is watched. 0 or -errno as mark_make() */
int inotify_mark(int group, int fd, struct hash *key);
void inotify_unmark(int group, int fd);

/* The bytes at p are the begin of what inotify has told of one change: their length; 0: there is none */
size_t inotify_length(const char *p, size_t left);
/* The same as fanotify would tell it, aligned to 8 bytes: its length; 0: nothing that anybody wants to hear */
size_t inotify_translate(const char *p, char out[static EVENT_MOST]);
/* Some were lost. */
bool inotify_is_overflow(const char *p);
