/*
 * A program that gains a capability by being executed loses some of its environment to the C library (LD_LIBRARY_PATH,
 * TMPDIR, …), which what it then executes would miss. hrfs-job is told them by another name too, and gives them back.
 * Pure but for the last two; any thread, those in a process of one thread.
 */
#pragma once
#include <stdbool.h>

#define SECURE_ENV_PREFIX "HRFS_KEEP_"

/* entry: "NAME=VALUE"; may the C library take it away? */
bool secure_env_is_lost(const char *entry);
/* each NAME with that prefix becomes NAME again */
void secure_env_restore(void);
/* and the other way, beside what is there: for another hrfs-job that is executed in between */
void secure_env_keep(void);
