/*
 * The path by which the source was mounted: whether it leads to another directory now. The directories on the way, and
 * the links, are watched by inotify, which tells of names alone.
 */
#pragma once
#include <stdbool.h>

/* Before the next ones; the directories on the way are watched by way_look() */
int way_start(void);
/* Tells when it can be read; for poll(2) */
int way_fd(void);
/* Some directory on the way can't be watched: to be looked at now and then */
bool way_is_partly_watched(void);
/* Reads what has been told. true: something on the way has changed. The caring thread's, as the next */
bool way_heard(void);
/* The path leads to another directory than the root, which is to be the root. Watches what leads there now */
bool way_look(void);
/* What has been found is noted elsewhere. The caring thread's */
void way_looked(void);
/* What was told has been looked at. Any thread */
bool way_is_quiet(void);
/*
 * O_PATH of the directory that it leads to. -ESTALE: the root itself; -EPERM: one that is not to be followed to; -ENOENT and others: it leads
 * nowhere; -EXDEV: through this mount. Any thread
 */
int way_open(void);
