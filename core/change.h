/* What the journal, the settler, the server and every client mean by a change. Plain values. */
#pragma once
#include "core/state.h"

/* Ticks count the mutating requests of one journal from 1; 0 is before the first. */
typedef uint64_t tick_t;

#define WRITER_COMMAND_SIZE 16 /* as the kernel's comm, with its NUL */
#define WRITER_JOB_SIZE 48

/* Who made a change; shared memory holds it, so no pointers. */
struct writer {
	int32_t pid; /* process (not thread) id; 0: not known */
	uint8_t appended; /* only appended, did not replace */
	uint8_t outside; /* behind the mount: pid and command as far as the kernel tells */
	uint8_t zero[2];
	char command[WRITER_COMMAND_SIZE];
	char job[WRITER_JOB_SIZE]; /* "api/build"; "" when it was no job of ours */
};

enum change_reason { /* why a touched path is not a change; CHANGE_REAL: it is one */
	CHANGE_REAL,
	CHANGE_SAME_CONTENT, /* saved with the bytes it had */
	CHANGE_ONLY_TIMES,   /* touch, chmod to the same mode, chown, xattr */
	CHANGE_REVERTED,     /* written and put back, made and removed again */
};

struct change {
	const char *path; /* relative to the tree's root, "" is the root itself */
	struct state before, after;
	struct writer writer; /* the last one */
	tick_t tick;	      /* of its last mark */
	uint8_t reason;	      /* enum change_reason */
	bool ignored;	      /* by git's rules */
	bool open;	      /* published at the cap while its writer still has it open */
};

/* What settled together. A batch with no CHANGE_REAL in it is a suppressed one. */
struct batch {
	tick_t from, to;      /* the ticks from < t <= to were settled by it */
	int64_t first_ns, settled_ns; /* CLOCK_MONOTONIC: first mark, publication */
	int64_t time_ms;      /* wall clock, Unix epoch, of the publication */
	size_t count;
	const struct change *changes;
	bool truncated; /* more paths than a batch may carry (100,000): treat all as changed */
};
