/* Requests that have been served for long: the lower hangs, perhaps. Any thread. */
#pragma once
#include "core/json.h"
#include <stdint.h>

/* since when the oldest one is being served, by CLOCK_MONOTONIC; 0: none is */
int64_t slow_oldest_ns(void);
/* [{"request","name"?,"ms"}] of those that have taken more than a second; NULL: no memory */
json_t *slow_requests(void);
