/*
 * Requests that libfuse 3.14 does not know, read from the kernel's own bytes and answered with them:
 * FUSE_TMPFILE (Linux 6.2) and FUSE_STATX (6.6). Request threads only.
 */
#pragma once
#include "fs/fuse.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* false: it is one that libfuse knows; nothing has been done */
bool raw_serve(void);

/* For who answers requests past libfuse. error: 0 or -errno; without data only that. 0, or -ENOENT: nobody waits any more */
int raw_answer(int error, const void *data, size_t size);
struct fuse_attr raw_attr(const struct stat *st);
void raw_timeout(double seconds, uint64_t *whole, uint32_t *nsec);
