/*
 * From the kernel's queue to the handling thread, so that no event dies with a worker: it may come
 * twice, never not at all.
 */
#pragma once
#include "fs/sidedoor_event.h"

struct ring_stats {
	uint64_t own, foreign, overflows;
};

/* The reader, beginning with what a dead worker's buffer holds. 0 or -errno */
int ring_start(void);
/* What a dead worker has read and put nowhere; ring_start() does so. Nobody reads meanwhile */
void ring_inherit(void);
/* Until there is an event behind `at`, or one is lost. false: ring_stop() was called */
bool ring_wait(uint64_t at);
/* Where the first one is that has not been handled. */
uint64_t ring_begin(void);
/*
 * The next event at or behind *at, copied; *at is behind it then. doubtful: it may be our own, of a worker that is
 * dead. false: there is none
 */
bool ring_next(uint64_t *at, char bytes[static EVENT_MOST], size_t *len, bool *doubtful);
/* Everything before `at` has been handled. */
void ring_handled(uint64_t at);
/* What is known is not to be relied on any more, for this reason: everything is compared. Any thread */
void ring_doubt(const char *why);
/* How often events were lost and not everything compared since; 0: nothing is doubtful */
uint32_t ring_lost(void);
/* Everything has been compared since it was `lost`. */
void ring_found(uint32_t lost);
void ring_stop(void);

/* A moment, and how far what was done before it has come. */
struct ring_moment {
	uint64_t calls, events, queued, upto;
	enum { MOMENT_READING, MOMENT_COUNTING, MOMENT_HANDLING, MOMENT_OVER } stage;
};

/* Now. One system call; any thread, as the next */
void ring_moment_begin(struct ring_moment *m);
/* Everything that the kernel had told by then has been handled. Never waits */
bool ring_moment_is_over(struct ring_moment *m);
/* Somebody asks for that: while the number of them is not 0, `fn` is called whenever there is progress. */
void ring_await(int change, void (*fn)(void));
/* There is. Any thread */
void ring_progress(void);
struct ring_stats ring_stats(void);
