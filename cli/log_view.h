/* What `hrfs log` shows of a mount: what has been, and what comes. One thread. */
#pragma once
#include "cli/ask.h"

struct log_request {
	bool follow, daemon, as_json;
	int lines;
	const char *service; /* only its lines; NULL: changes, and the lines of all */
};

/* The last changes and lines, in the order of their times. The exit code: errors have been said */
int log_history(struct ask *a, const struct log_request *q);
/* The same, then all that comes, until the mount ends or nobody reads any more. */
int log_follow(struct ask *a, const struct log_request *q);
