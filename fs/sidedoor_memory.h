/*
 * What of the side door outlives a worker, in an area of the shared memory (fs/shared.h): the events that
 * were read and are not handled yet, and which directories are watched.
 */
#pragma once
#include "core/base/layout.h"
#include "core/change.h"
#include "core/hash.h"
#include <stdatomic.h>
#include <stdbool.h>

/* Of struct sidedoor_memory and what it holds. Another number for each change (fs/layout.h). */
#define SIDEDOOR_LAYOUT LAYOUT(1)

#define SIDEDOOR_READ 65536
#define SIDEDOOR_RING (4U << 20)
#define SIDEDOOR_READERS 16
#define SIDEDOOR_WATCHES (256UL << 20) /* bytes */

#define WATCH_ADOPTED 1U /* for the journal's sake: the kernel may know nothing of it */
#define WATCH_MARKED 2U	 /* the mark is in place; without it, it is about to be */
#define WATCH_SURE 4U	 /* and its file system tells of every change */

/* One object with a mark of its own. Events name it by its file handle, of which this is the hash. */
struct watch {
	LAYOUT_OTHER_SPACE
	uint32_t used;		  /* stored last */
	uint32_t index, sequence; /* of its node */
	uint32_t flags;		  /* WATCH_… */
	tick_t since;		  /* the first tick of the journal after it was marked */
	struct hash key;
};

struct sidedoor_memory {
	uint32_t zero;
	/* whose changes are our own: the worker that reads, and those before it until their last event has been read */
	uint32_t reader_count;
	int32_t readers[SIDEDOOR_READERS];
	_Atomic uint32_t lost; /* events were: everything is doubtful until it has been compared */
	/* Nobody is asked how many bytes a read gave: the buffer is zero before it, and events end where zeros begin. */
	_Atomic uint32_t handled;    /* what the buffer holds is in the ring, it is being zeroed */
	_Atomic uint64_t head, tail; /* of the ring: bytes ever written, bytes handled */
	_Alignas(4096) char buffer[SIDEDOOR_READ];
	_Alignas(4096) char ring[SIDEDOOR_RING];
	_Alignas(4096) char watches[SIDEDOOR_WATCHES];
};

extern struct sidedoor_memory *sidedoor_memory;

void sidedoor_memory_use(void);
