/* hrfs trace: runs one command, once, and prints what it and all that come of it have read and written in the mount. */
#pragma once
#include "supervisor/options.h"

/* returns what is to be the exit status: the command's own, as a shell would say it, or SUPERVISOR_FAILED */
int trace_run(const struct options *options);
