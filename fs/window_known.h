/*
 * What jobs have asked for in windows before, by the jobs' names: what whoever keeps their read sets knows already. Not
 * for two threads at once.
 */
#pragma once
#include "core/base/map.h"
#include <stdbool.h>
#include <stdint.h>

#define KNOWN_JOBS_MAX 64

void known_start(void);
/* Moves the job's names to *names, when they are those of this token. false: there are none */
bool known_take(const char *job, int64_t token, struct map *names);
/* Takes the names over, in place of what there was; answers their token */
int64_t known_keep(const char *job, struct map *names);
