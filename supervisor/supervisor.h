/* One run of hrfs-supervisor: puts its parts together on one loop, from the first word to the exit status. */
#pragma once
#include "supervisor/options.h"

/* what could not begin, and a mount that went away */
#define SUPERVISOR_FAILED 125

/* blocks until everything has ended; the exit status */
int supervisor_run(const struct options *options);
