/*
 * Whether the journal has everything that was changed behind the mount, in the directories that somebody has looked into,
 * by way of the mount or of its socket. Any thread.
 */
#pragma once
#include "core/change.h"
#include <stdbool.h>

/* From this tick of the journal on nothing has gone unheard. */
bool heard_since(tick_t tick);
/* A directory is not watched, or not any more, which somebody has looked into. */
void heard_lost(void);
/* How often that was so; for who begins to list and watch everything. */
uint64_t heard_losses(void);
/* That is done, and was begun at this tick with so many losses: none has come since, and it makes up for those before. */
void heard_whole(uint64_t losses, tick_t begun);
