/*
 * What changed since C, and what was the state of P at C.
 *
 * Lives in a region of memory that outlives the worker (offsets, never pointers; a layout version;
 * every structure is filled in aside and published by one store; indexes and free lists are private
 * and rebuilt when a successor opens the region). Per path its last 8 states with their ticks; what
 * is older answers "changed"; beyond the byte limit the paths changed longest ago are let go of, and
 * clocks before them are answered "fresh instance". Never "unchanged" by guess.
 *
 * Any thread; a lock of its own that is never held during a system call on the lower.
 */
#pragma once
#include "core/base/layout.h"
#include "core/change.h"
#include <stdbool.h>

struct journal;

/* Of everything in the region. Another number for each change (fs/layout.h). */
#define JOURNAL_LAYOUT LAYOUT(1)

#define JOURNAL_STATES 8
#define JOURNAL_PINS 256

/* region: zeroed (a new journal) or left by a dead worker (adopted); borrowed. 0, -EINVAL (other layout), -ENOMEM */
int journal_open(struct journal **out, void *region, size_t size_bytes);
void journal_close(struct journal *j);
/* How many bytes of the region may be in use before old paths go; 256 MiB at the start. Paths with a mark never go. */
void journal_set_limit(struct journal *j, size_t bytes);

/* The last tick taken. Everything whose system call has returned has a tick <= this. */
tick_t journal_tick(struct journal *j);
/* A tick without a mark: suppressed batches, server events. */
tick_t journal_take_tick(struct journal *j);
/* Clocks before this one are answered "fresh instance". */
tick_t journal_oldest(struct journal *j);

/* The state of a path at a clock; STATE_UNKNOWN when the journal does not reach back or cannot tell. *touched is false
 * when the path was never touched since the clock: it is then in the state that it has on disk. */
struct state journal_state_at(struct journal *j, const char *path, tick_t at, bool *touched);

/*
 * Each path whose state at `upto` is not known to equal its state at `since`, oldest change first: before =
 * at `since`, after = the last published one. A path with a request that has ended (by upto) and that no
 * comparison has been published for is among them, with `after` unknown. What only began by upto comes with
 * a later `since`. States are compared, not events: what became another and the same again in between is
 * not told, though somebody may have looked (journal_touched_since). The change is valid during the call,
 * made without the lock. 0; -ESTALE: `since` is older than the journal reaches, or none of its ticks (fresh
 * instance); -ENOMEM; else fn's non-zero answer.
 */
int journal_since(struct journal *j, tick_t since, tick_t upto, int (*fn)(const struct change *c, void *arg),
		  void *arg);

/*
 * The same, and each path that has been touched in between and is known to be as it was: before and
 * after are equal then. CHANGE_REVERTED: it was told to be in another state in between, which a client
 * that looked after its clock may have seen, and be left with. CHANGE_SAME_CONTENT: whenever it was compared it was
 * as before. Requests that failed or that touched attributes only do not count.
 */
int journal_touched_since(struct journal *j, tick_t since, tick_t upto, int (*fn)(const struct change *c, void *arg),
			  void *arg);

/*
 * Keep the states at this clock (a job's, a subscription's) beyond the 8; counted. At most JOURNAL_PINS at once:
 * -ENOSPC. Pins outlive the worker, as the jobs do that they are for. The byte limit goes before pins.
 */
int journal_pin(struct journal *j, tick_t at);
void journal_unpin(struct journal *j, tick_t at);

struct journal_stats {
	size_t paths, states, marks, bytes;
};
void journal_stats(struct journal *j, struct journal_stats *out);

/* Recording (marks, publishing) is in core/journal_record.h: for the observer and the settler only. */
