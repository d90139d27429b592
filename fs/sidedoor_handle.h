/* One change behind the mount: what the kernel is told of it, and what will be told the journal. The handling thread's. */
#pragma once
#include "fs/sidedoor_batch.h"
#include "fs/sidedoor_event.h"

void handle_event(struct batch_of_events *b, const struct event *e, bool doubtful);
/* Events were lost: all that the mount believes is compared with what is there. */
void handle_doubt(struct batch_of_events *b);
