/* Batches of changes and lines of services, as `hrfs log` prints them. One thread. */
#pragma once
#include "core/json.h"
#include <stdint.h>

/* "time_ms" of a batch or a line; 0 */
int64_t log_time(const json_t *o);
void log_print_batch(const json_t *batch, bool as_json);
void log_print_line(const json_t *line, bool as_json);
