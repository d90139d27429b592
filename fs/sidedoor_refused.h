/* Directories and files that could not be marked, so that people can be told where and why. Any thread. */
#pragma once
#include "core/json.h"
#include "fs/node.h"

/* error: what mark_make() said */
void refused_note(node_id id, int error);
/* It has got its mark. */
void refused_over(node_id id);
/* How many there have been. */
uint64_t refused_count(void);
/* The last of them that are there still: [{"name", "why"}]; the caller's */
json_t *refused_list(void);
