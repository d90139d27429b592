/* The socket's, the log's and the description's places of one mount. The keeper's thread only. */
#pragma once
#include "core/base/buf.h"
#include "fs/shared.h"
#include <sys/types.h>

/* Before the mount is made: can they be where they are to be? Else -EINVAL with a line for people. */
int files_of_mount_check(const struct worker_config *c, struct buf *error);
/* fills in the paths; leftovers of a dead mount with the same number are removed. 0, or -errno with *error */
int files_of_mount_prepare(struct worker_config *c, dev_t dev, struct buf *error);
void files_of_mount_remove(const struct worker_config *c);
