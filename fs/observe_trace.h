/*
 * What is remembered of a mark's requests beside the journal: enough to say why nothing has changed,
 * and whether a file was only appended to. A worker's own; any thread.
 */
#pragma once
#include "fs/observe_paths.h"

struct trace {
	tick_t first;	      /* the mark's; 0: nothing is remembered */
	uint64_t next_offset; /* where the last write has ended */
	uint32_t rounds;      /* how often its content was begun anew */
	tick_t compared;      /* the end that a comparison on demand was made for */
	bool replaced;	      /* not only appended to */
	bool left_over;	      /* it had not settled when a batch had to end */
};

void trace_note(uint32_t mark, tick_t first, const struct observe_op *op, enum path_role role);
struct trace trace_of(uint32_t mark, tick_t first);
void trace_compared(uint32_t mark, tick_t first, tick_t last);
void trace_leave_over(uint32_t mark, tick_t first);
