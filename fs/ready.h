/* What is said to whoever started the mount: one line of JSON, and the same beside the socket. */
#pragma once
#include "fs/shared.h"
#include <sys/types.h>

/* fd: -1 for nobody; closed. */
void ready_failed(int fd, int error, const char *text);
int ready_ok(int fd, const struct worker_config *c, dev_t dev);
