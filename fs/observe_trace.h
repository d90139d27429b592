/*
 * What is remembered of a mark's requests beside the journal: enough to say why nothing has changed,
 * and whether a file was only appended to. A worker's own; any thread.
 */
#pragma once
#include "fs/observe_paths.h"

struct trace {
	int64_t born_ns;      /* the mark's first_ns; 0: nothing is remembered */
	tick_t tick;	      /* of the request that made it, or of the move below which it was found */
	uint64_t next_offset; /* where the last write has ended */
	uint32_t rounds;      /* how often its content was begun anew */
	tick_t compared;      /* the end that a comparison on demand was made for */
	bool replaced;	      /* not only appended to */
	bool found;	      /* made by a walk below a moved directory, not by a request */
	bool left_over;	      /* it had not settled when a batch had to end */
	bool writing;	      /* behind the mount, and not closed since */
};

/* made: by this request, which took this tick */
void trace_note(uint32_t mark, int64_t born_ns, tick_t made, const struct observe_op *op, enum path_role role);
struct trace trace_of(uint32_t mark, int64_t born_ns);
void trace_compared(uint32_t mark, int64_t born_ns, tick_t last);
void trace_found(uint32_t mark, int64_t born_ns, tick_t move);
/* A change behind the mount; writing: its writer has it open still, closed: it has closed it */
void trace_outside(uint32_t mark, int64_t born_ns, bool writing, bool closed);
void trace_leave_over(uint32_t mark, int64_t born_ns);
