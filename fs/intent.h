/*
 * The record of what a request is about to do to names, in its lane: begun before the system call,
 * done after the table has been changed. A successor that finds it carries the request out again, and
 * this tells what of it has taken place already.
 */
#pragma once
#include "fs/ops.h"
#include "fs/table.h"

/* Begins, or goes on with what a dead worker has begun for the same request. */
struct intent *intent_begin(const struct intent *plan);
/* what a dead worker has begun for the request that is served now, or NULL */
const struct intent *intent_found(void);
/* 1: it is over, *r is what came of it */
bool intent_is_over(const struct intent *i, int *r);
/* a dead worker was about to make the system call, or had made it */
bool intent_is_doubtful(const struct intent *i);
void intent_done(struct intent *i, int r);

/* Is what this name leads to now the node? false also when there is nothing. */
bool intent_leads_to(int dirfd, const char *name, node_id node);
/* 0 or -ENOENT, … */
int intent_look(int dirfd, const char *name, struct identity *is);
/* Was the object at this name made after the intent was begun? */
bool intent_made(const struct intent *i, int dirfd, const char *name);
