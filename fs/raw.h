/*
 * Requests that libfuse 3.14 does not know, read from the kernel's own bytes and answered with them:
 * FUSE_TMPFILE (Linux 6.2) and FUSE_STATX (6.6). Request threads only.
 */
#pragma once
#include <stdbool.h>

/* false: it is one that libfuse knows; nothing has been done */
bool raw_serve(void);
