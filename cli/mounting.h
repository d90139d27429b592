/* One mount from the words of a user to a tree that answers, for mount, run and mount(8). One thread. */
#pragma once
#include "cli/place.h"
#include "core/base/strv.h"
#include "core/json.h"
#include <sys/types.h>

struct mounting {
	const char *source;
	const char *mountpoint; /* NULL: over the source */
	struct strv options;	/* words of -o; grows by what is decided here */
	bool foreground;
	bool jobs; /* will run in it, and what they read is to be known: opens are answered where nothing better sees them */
	bool ancestors_know; /* the shell that waits for this command needs no hint to enter the mount */
	int lifeline;	     /* read end of a pipe, -1: none */
};

struct mounted {
	struct place place;
	json_t *ready; /* what the daemon said */
	pid_t pid;     /* of the keeper */
	bool allow_other;
	struct strv notes; /* what the user should know, a line each, the most important first */
};

#define AUTO_MOUNTED AUTO_DONE(mounted) struct mounted

void mounted_done(struct mounted *m);
/* CLI_OK or the exit code: the error has been said */
int mounting_do(struct mounting *m, struct mounted *out);
/* the socket, log, ... of the ready line; "" when it lacks */
const char *mounted_text(const struct mounted *m, const char *key);
/* with foreground: until the daemon ends, passing on what asks this process to end. Answers the exit code */
int mounting_stay(const struct mounted *m);
