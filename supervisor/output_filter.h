/*
 * What a job prints into lines of text: colours stay, everything else that moves a terminal's cursor or clears
 * its screen goes, and a line that was overwritten from its start (a progress bar) is the last one written.
 * Pure, for one thread.
 */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>

#define FILTER_SEQUENCE 64 /* longer colour sequences are dropped */

struct filter {
	struct buf line; /* so far */
	char sequence[FILTER_SEQUENCE];
	size_t sequence_len;
	unsigned char state;
	bool carriage; /* back at the start of the line: the next character overwrites it */
	size_t max_line;
};

/* bytes; each whole line (without its newline, at most max_line bytes) is given to line() */
void filter_feed(struct filter *f, const char *data, size_t len, void (*line)(const char *text, size_t len, void *arg),
		 void *arg);
/* a line without an end becomes a line; a sequence without an end is dropped */
void filter_flush(struct filter *f, void (*line)(const char *text, size_t len, void *arg), void *arg);
void filter_done(struct filter *f);

/* The colours in force at the end of text when `active` (a string of sequences) were at its start; size bytes at most. */
void filter_colours(const char *text, char *active, size_t size);
