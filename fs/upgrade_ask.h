/* Upgrades as the worker that serves has to do with them: asking the keeper, and telling how it went. */
#pragma once
#include "core/json.h"
#include <stdint.h>

/*
 * Absolute paths of the programs that are to take over. NULL, and *id names this upgrade in what upgrade_add_status()
 * tells; else why it cannot be, for people. The server's thread, as the next one
 */
const char *upgrade_plan(const char *worker, const char *git, uint64_t *id);
/* Tells the keeper, once whoever asked has his answer: this worker may be stopped at once. */
void upgrade_begin(int control, const char *worker, const char *git);
/* versions, and "upgrade" when one has been asked for */
void upgrade_add_status(json_t *o);
