/* Flags of INIT that libfuse 3.14's headers do not have. */
#pragma once
#include "fs/fuse.h"
#include <sys/uio.h>

/* argument: the kernel's fuse_init_in; iov: libfuse's answer, changed in place */
void init_patch_reply(const void *argument, struct iovec *iov, int count);
