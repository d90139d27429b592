/* git's index.lock: while a living git holds one, the tree is between two states. The settling thread's only. */
#pragma once
#include <stdbool.h>

/* source and mountpoint: absolute; copied. root_fd: of the lower, borrowed */
int lock_start(const char *source, const char *mountpoint, int root_fd);
/* Some real git directory of the tree is locked, and not by a dead process. */
bool lock_stands(void);
/* A batch had to end though they stand: they hold up nobody any more. */
void lock_give_up(void);
