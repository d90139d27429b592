/*
 * The record of what a request is about to do to names, in its lane: begun before the system call,
 * done after the table has been changed.
 */
#pragma once
#include "fs/ops.h"
#include <string.h>

static inline struct intent *intent_begin(uint32_t opcode, node_id dir, const char *name, node_id node)
{
	struct intent *i = &lane_current()->intent;

	i->opcode = opcode;
	i->flags = 0;
	i->dir = dir;
	i->node = node;
	i->new_dir = i->other = 0;
	strncpy(i->name, name, NAME_MAX);
	i->new_name[0] = '\0';
	__atomic_store_n(&i->state, INTENT_BEGUN, __ATOMIC_RELEASE);
	return i;
}

static inline void intent_done(struct intent *i, int r)
{
	i->error = r;
	__atomic_store_n(&i->state, INTENT_DONE, __ATOMIC_RELEASE);
}
