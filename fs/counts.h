/*
 * Lookup counts, changed so that a successor can tell how far a request had come with them. With
 * table_lock, by the request's own thread.
 */
#pragma once
#include "fs/table.h"

/* One reference more for the kernel, noted in the lane. false: the lane has noted as many as it can */
bool counts_take(struct node *n);
bool counts_can_take(void);
/* The i-th forget of this request (from 0); one that a dead worker has finished already is left. */
void counts_forget(struct node *n, uint64_t count, uint32_t i);

/* How many references this request has taken so far. */
uint32_t counts_taken(void);
/* Takes back those from the i-th to before the n-th. Takes table_lock itself. */
void counts_give_back(uint32_t i, uint32_t n);

/* Before a successor's lanes run: what was under way when its lane's thread died is finished or taken back. */
void counts_recover(struct lane *l);
