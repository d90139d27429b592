/*
 * For tests: the worker kills itself at a point that HRFS_DIE names ("POINT:OPCODE", "sent:35"; the
 * opcode, or which step it is, in decimal), once for each mount; with ":stays" behind it the thread only goes no further, until
 * somebody else kills the worker. Built only with -Dkill_points=true; else nothing (die_none.c).
 */
#pragma once

enum die_point {
	DIE_READ,   /* the request has been read */
	DIE_INTENT, /* its intent is begun */
	DIE_CALL,   /* its system call has been made */
	DIE_DONE,   /* its intent is done */
	DIE_STORED, /* its answer is stored */
	DIE_SENT,   /* its answer is sent, and still owed as far as the lane says */
	DIE_CRASH,  /* whenever one of this kind is served, by a signal of the worker's own */
	DIE_FOLLOW, /* at a step of following the source (fs/follow.c): 1, 2, … */
	DIE_POINTS
};

/* the keeper, before the first worker: what the environment says */
void die_prepare(void);
/* request threads */
void die_at(enum die_point point);
/* any thread of the worker */
void die_at_step(enum die_point point, unsigned step);
