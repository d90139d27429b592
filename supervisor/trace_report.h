/* What `hrfs trace` prints: for people, a line for each path; or one object of JSON. */
#pragma once
#include "supervisor/reads.h"
#include <stdbool.h>

struct trace_report {
	const struct reads *reads; /* closed */
	const struct readset *wrote;
	int status; /* of the command */
	bool json;
};

/* 0 or -errno */
int trace_report(const struct trace_report *r, int fd);
