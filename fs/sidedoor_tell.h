/*
 * Changes behind the mount, told to the journal as if they were requests of a moment ago. What a path was
 * before is gone when one hears of it: it is "unknown", but where the journal has known it since its directory is watched.
 * The handling thread's.
 */
#pragma once
#include "core/change.h"
#include "fs/node.h"

struct outside {
	char *path;	/* owned */
	unsigned touch; /* enum touch */
	bool made;	/* it was not there before */
	bool was_dir;	/* it was a directory before */
	bool writing;	/* its writer has not closed it yet */
	bool closed;
	bool doubtful; /* it may be our own, which is not to be told twice */
	tick_t since;  /* from which on the journal knows what it was */
	pid_t pid;
};

/* The journal has it as it is now, or will compare it: whoever has changed it, nothing is to be told. */
bool tell_is_known(const char *path);
/* A request of the mount has changed it, or is about to, and that has not settled. */
bool tell_is_ours(const char *path);
void tell_outside(const struct outside *o);
/* A directory was moved: all that is below it with it. */
void tell_move(const char *old_path, const char *new_path, pid_t pid, int fd);
/* Something has changed that cannot be named: everything may have. */
void tell_everything(void);
