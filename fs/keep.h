/*
 * Descriptors that must outlive this worker: the keeper holds a copy of each, and hands them to the
 * successor. Any thread.
 */
#pragma once
#include "fs/node.h"

enum keep {
	KEEP_VICTIM, /* O_PATH of a node that is losing its last name */
	KEEP_FILE,   /* open with rights that its owner may not have again */
};

/* control: the socket to the keeper, borrowed for ever */
void keep_start(int control);
/* Before the system call that makes it needed; fd stays the caller's. Without a keeper that takes over it does nothing. */
void keep_send(enum keep kind, node_id id, int fd);
void keep_drop(enum keep kind, node_id id);
