/* Another program's standard output. One thread. */
#pragma once
#include "core/base/buf.h"

/* Runs argv and reads what it prints, at most max bytes; its complaints are dropped. 0 when it ended with status 0; -ECHILD otherwise; -errno */
int capture(const char *const argv[], size_t max, struct buf *out);
