/*
 * The lower's root, when the path that was mounted leads to another directory: the mount follows the path. What the kernel knows
 * of the directory before goes on there, under a node that stands for it, which has no name.
 */
#pragma once
#include <stdbool.h>

/* Does so when the path leads elsewhere. The handling thread's, and everything is to be compared then */
void follow_source(void);
/* A descriptor of the root that a worker before has followed to (taken over). Before anything is started */
int follow_use(int fd);
/* How directory offsets and inode numbers of the root's file system are to be taken */
void follow_lower(void);
