/*
 * What is to be mounted where, and whether that can be: every reason why not is said in a line that
 * tells what to do. One thread.
 */
#pragma once
#include <stdbool.h>

struct place {
	char *source, *mountpoint; /* absolute, without links; owned */
	char *source_path;	   /* as it was given, absolute: by way of the links that the mount follows; owned */
	bool in_place;		   /* they are the same */
	bool replaced;		   /* a dead mount was there, and was taken away */
};

void place_done(struct place *p);
/* mountpoint NULL: over the source itself. CLI_OK or the exit code: the error has been said */
int place_find(const char *source, const char *mountpoint, struct place *out);
