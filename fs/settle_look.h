/*
 * What the system says of a batch that may be over: who still has a file of it open for writing,
 * whether git stands in the middle of something, which tools still run. The settling thread's only.
 */
#pragma once
#include "core/journal_record.h"
#include "fs/settle_rules.h"

#define LOOK_TOOLS 32

struct look {
	int tools[LOOK_TOOLS]; /* descriptors of processes whose end is waited for */
	size_t tool_count;
	bool again;   /* only looking again will tell */
	bool closing; /* a file will be closed behind the mount, and settle_wake() called then */
};

/* Fills in locked, tool and each mark's open. marks: those of b->marks, in the same order */
void look_around(struct look *l, struct rule_batch *b, const struct mark *marks, struct journal *j, int root_fd, dev_t dev);
void look_done(struct look *l);
