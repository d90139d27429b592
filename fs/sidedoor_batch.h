/* What is to be told once the kernel has dropped what it had cached. The handling thread's. */
#pragma once
#include "fs/sidedoor_tell.h"
#include <stddef.h>

struct later {
	enum { LATER_OUTSIDE, LATER_MOVE } kind;
	struct outside o;
	char *new_path; /* of a move */
	int fd;		/* of the moved directory, O_PATH */
};

struct batch_of_events {
	struct later *items;
	size_t count, room;
	bool everything;
};

/* The path is taken over; NULL (no memory): everything may have changed. */
void batch_outside(struct batch_of_events *b, const struct outside *o);
/* All three are taken over. */
void batch_move(struct batch_of_events *b, char *old_path, char *new_path, int fd, pid_t pid);
/* Tells all, and is empty then. */
void batch_tell(struct batch_of_events *b);
