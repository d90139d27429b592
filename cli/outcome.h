/* Waiting for what a change leads to, and telling how it went. One thread. */
#pragma once
#include "cli/ask.h"

#define OUTCOME_TIMEOUT_MS (10 * 60 * 1000)

/*
 * hrfs-wait: until everything up to the clock (NULL: now) has settled and each service that had to
 * reload is ready or has failed. Failures are told on standard error. Answers the exit code.
 */
int outcome_wait(struct ask *a, const char *clock, int64_t timeout_ms, bool as_json);
