/* Of changes: which did nothing, for no job has read them. One thread. */
#pragma once
#include "cli/ask.h"

/* sets "unread" in the changes of these batches, where a supervisor is there to ask */
void log_mark_unread(struct ask *a, json_t *batches);
