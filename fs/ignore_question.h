/* What of a batch of paths is not known yet, asked of hrfs-git in as many questions as it takes. Not on request threads. */
#pragma once
#include "core/base/map.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * Answers go into the map and the cache that all threads share. *met_repository becomes true when a git
 * directory was asked of for the first time. 0 or -errno: then not all were answered
 */
int question_ask(const char *const *paths, size_t count, struct map *answers, bool *met_repository,
		 int64_t deadline_ns);
