/*
 * How the state before a mark is kept: known, lazily, or by a descriptor; and made certain before a
 * request destroys it. Request threads; no lock is held while anything is read.
 */
#pragma once
#include "fs/files.h"
#include "fs/observe_paths.h"

struct keeping { /* of one request */
	struct journal *journal;
	const struct observe_op *op;
	const struct observed *seen;
	const struct touching *touching; /* as many as seen->count, after journal_begin() */
	tick_t tick;
	int64_t deadline_ns; /* for all the hashing of this request; 0: none has been done yet */
	/* of op->node, when it was needed: */
	struct file *file;
	int node_error; /* of its stat; 1: not asked yet */
	struct stat node_st;
};

/* Keeps the state before of every path of the request. */
void keep_before(struct keeping *k);
/* The content of an object that is held for a mark is about to change: hash it now. */
void keep_held(struct keeping *k, node_id node);
/* A directory is about to move: what is kept lazily by paths below is made certain. */
void keep_below(struct keeping *k, const char *dir);
void keeping_done(struct keeping *k);
