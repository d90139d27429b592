/* What a successor is handed before it serves: descriptors that the worker before had kept. The main thread only. */
#pragma once
#include "fs/control.h"

/* Noted until the node table is there; fd is taken over. 0 or -ENOMEM */
int adopt_later(uint32_t message, uint64_t id, int fd);
void adopt_all(void);
