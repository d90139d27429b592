/* Appends, which must be made once also when a worker dies at one. Request threads only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Notes in the lane where this append goes: the file's end. *fixed: a dead worker has begun it; it is
 * to be written at *offset, over what of it is there. 0 or -errno
 */
int append_plan(int fd, const char *data, size_t size, uint64_t *offset, bool *fixed);
