/* Verdicts that are known: of paths, and of directories, whose content inherits. Any thread, never waits. */
#pragma once
#include "core/base/map.h"
#include <stdbool.h>
#include <stdint.h>

#define IGNORE_CACHE_MAX 16384 /* entries; a full cache is emptied */

/* Into a map of one's own, the same. path may end with '/'. 0 or -ENOMEM */
int ignore_note(struct map *m, const char *path, bool ignored);
/* 1 ignored, 0 not, -1 not known: by the path itself, else by the directories above it ("a/b/", "a/") */
int ignore_look(const struct map *m, const char *path);
/* by the path itself only */
int ignore_look_one(const struct map *m, const char *path);

/* the same, of what all threads share */
int ignore_cache_look(const char *path);
int ignore_cache_look_one(const char *path);
/* Which verdicts a question's answers belong to: older ones are not put in. */
uint64_t ignore_cache_generation(void);
void ignore_cache_note(const char *path, bool ignored, uint64_t generation);
void ignore_cache_drop(void);
