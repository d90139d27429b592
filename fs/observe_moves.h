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
#define TICK_ANY UINT64_MAX

struct move { /* a copy */
	uint64_t id;
	char *old_path, *new_path;
	uint32_t old_mark, new_mark;
	tick_t tick; /* the request's first; the two moves of an exchange have the same */
	int fd;	     /* O_PATH of the directory; owned; -1: could not be had */
	bool exchange;
};

void move_done(struct move *m);
#define AUTO_MOVE AUTO_DONE(move) struct move

/* Before the system call. Paths are copied, fd is taken over. The move's id, also where there are too many to note it */
uint64_t moves_begin(const struct move *m);
/* After it. failed: there was none. */
void moves_end(uint64_t id, bool failed);

/* What the newest move before a tick says of a path. */
struct moved {
	enum {
		MOVED_NOT,
		MOVED_HERE, /* below a directory's new name: what is here now has come with it */
		MOVED_AWAY, /* below a directory's old name: what was here is elsewhere now */
	} how;
	bool exchange; /* HERE, and something else went away at once */
	tick_t tick;
	uint32_t old_mark;
};

/* HERE: *origin is the path that it had before that move. 0 or -ENOMEM */
int moves_ask(const char *path, tick_t before, struct moved *out, struct buf *origin);

/* Has a directory come to exactly this path by a move after this tick? */
bool moves_came_to(const char *path, tick_t after);

/* The newest move with an id below this one whose request is over, copied. -ENOENT: none; -ENOMEM */
int moves_next(uint64_t below, struct move *out);
/* The last id given, and whether some move's request is still under way. */
uint64_t moves_last(bool *under_way);
/* Does a move that has not been walked stand behind this mark? Then it is not to be published yet. */
bool moves_wait_for(uint32_t mark, tick_t first);
/* Some have not been walked to the end: nothing below them is certain. */
bool moves_remain(void);
/* All up to this id have been walked. */
void moves_drop(uint64_t upto);
/*
 * How often more directories have moved than could be noted, or two at once that concern each other, so that nobody
 * knows which was first, or such were exchanged and moved again.
 */
uint64_t moves_losses(void);
void moves_lose(void);
/* Counts renames that are over: while it stays, so do the paths of what is known by node. */
uint64_t moves_count(void);
void moves_counted(void);
