/*
 * The changes that are still to be echoed, in a ring of their own in the shared memory (AREA_ECHOES), so that a
 * worker's successor goes on with them. Where there is no room one is not kept, and ends with its worker.
 * Callers hold the replay's lock, or are alone.
 */
#pragma once
#include "fs/replay_echo.h"

/* Of struct echoes and what it holds; not LAYOUT(), nothing that lies otherwise elsewhere is in it. */
#define ECHOES_LAYOUT 1
#define ECHOES_SIZE (sizeof(struct echoes))
#define ECHOES_RING (4U << 20)

struct echoes {
	_Atomic uint64_t head, tail; /* bytes ever written; of entries that are done */
	_Alignas(4096) char ring[ECHOES_RING];
};

/* Keeps it until queue_done(). */
void queue_keep(struct echo_item *item);
/* It is about to be told: should the worker crash now, it may be the reason. */
void queue_begin(const struct echo_item *item);
void queue_done(const struct echo_item *item);
/* Calls fn, which owns the item then, with each that a worker before has not done, in their order. */
void queue_inherit(void (*fn)(struct echo_item *item));
