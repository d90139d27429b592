/*
 * Directories that have moved and whose content the settler has not walked yet. Until then every path
 * below has changed without a mark of its own, so that a request there needs more care. Any thread; a
 * lock of its own.
 */
#pragma once
#include "core/base/buf.h"
#include "core/change.h"
#include <stdbool.h>

#define MOVES_MAX 1024
#define MOVE_ANY UINT64_MAX

struct move { /* a copy */
	uint64_t id; /* later ones have larger ids */
	char *old_path, *new_path;
	uint32_t old_mark, new_mark;
	tick_t tick;  /* the request's first */
	int fd;	      /* O_PATH of the directory; owned */
	bool exchange;
};

void move_done(struct move *m);
#define AUTO_MOVE AUTO_DONE(move) struct move

/* Before the system call. fd (-1: could not be had) is taken over. The move's id; 0: there are too many */
uint64_t moves_begin(const char *old_path, const char *new_path, int fd, bool exchange);
void moves_set_marks(uint64_t id, uint32_t old_mark, uint32_t new_mark, tick_t tick);
/* After it. failed: there was none. */
void moves_end(uint64_t id, bool failed);

enum moved {
	MOVED_NOT,
	MOVED_HERE, /* below a directory's new name: was absent at the start of the batch */
	MOVED_AWAY, /* below a directory's old name: what was here is elsewhere now */
};

/*
 * What the newest move with an id below *id says of the path; *id becomes its id. HERE: *origin is the
 * path that it had before that move. tick: the move's, may be NULL. 0 or -ENOMEM
 */
int moves_ask(const char *path, uint64_t *id, enum moved *answer, tick_t *tick, struct buf *origin);

/* The newest move whose request is over, copied. -ENOENT: none; -ENOMEM */
int moves_next(struct move *out);
/* Does a move that has not been walked stand behind this mark? Then it is not to be published yet. */
bool moves_wait_for(uint32_t mark, tick_t first);
/* It has been walked. */
void moves_drop(uint64_t id);
/* More directories have moved than could be noted, since the last call. */
bool moves_overflowed(void);
