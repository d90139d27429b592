/*
 * What the jobs say: a bounded ring of lines for each service and stage, and the way of all of it, and
 * of hrfs's own lines, to the terminal or pipe. A slow reader of that never stops the loop: beyond a
 * limit lines are dropped and counted. On the loop's thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_MAX_LINES 1000	      /* kept of each stream */
#define OUTPUT_MAX_BYTES (256 * 1024) /* kept of each stream */
#define OUTPUT_MAX_LINE (16 * 1024)   /* longer ones are cut into several */

enum output_stage { OUTPUT_BUILD, OUTPUT_RUN, OUTPUT_CHECK, OUTPUT_RELOAD };

struct output;
struct output_stream; /* one stage of one service; lives as long as its struct output */

struct output_options {
	int fd, error_fd;	   /* where to print, stays the caller's; -1: keep only */
	bool prefix;		   /* "api | " before each line: several services */
	bool colour;		   /* of prefixes and hrfs's own lines: output_colour_wanted() */
	void (*unread)(void *arg); /* the reader of one of them has gone; once, NULL: no matter */
	void *arg;
};

struct output_line {
	uint64_t number; /* counts all lines of all streams, from 1 */
	int64_t time_ms; /* since the epoch */
	const char *service;
	enum output_stage stage;
	const char *text; /* without its newline; of escape sequences only colours; ends with the call */
};

/* is fd a terminal, and neither NO_COLOR nor TERM=dumb against it? */
bool output_colour_wanted(int fd);
const char *output_stage_name(enum output_stage stage);

int output_new(uv_loop_t *loop, const struct output_options *options, struct output **out);
/* prints what is left, waiting for a slow reader one second at most */
void output_free(struct output *o);
/* services come and go with the configuration */
void output_set_prefix(struct output *o, bool prefix);
/* are standard output and standard error two things (so that jobs get two pipes)? */
bool output_separate(const struct output *o);
struct output *output_of(const struct output_stream *s);

/* the same one for the same names; NULL: no memory */
struct output_stream *output_stream(struct output *o, const char *service, enum output_stage stage);
/* bytes of a job; error: from its standard error */
void output_feed(struct output_stream *s, const char *data, size_t len, bool error);
/* a line without an end becomes a line: a process has ended */
void output_flush(struct output_stream *s);
/* a line of hrfs's own, to the terminal's standard error and to no ring */
void output_note(struct output *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* the number of the last line so far, for output_text() and output_lines() */
uint64_t output_mark(const struct output *o);
/* lines of a stream after the mark, one a line, without escapes, at most max_bytes (the first ones; then says how many are left out) */
int output_text(const struct output_stream *s, uint64_t mark, size_t max_bytes, struct buf *out);
/* the last `count` lines of a service (NULL: of all), in the order in which they came */
int output_lines(const struct output *o, const char *service, size_t count,
		 void (*each)(const struct output_line *line, void *arg), void *arg);
/* text without escape sequences. 0 or -ENOMEM */
int output_plain(const char *text, struct buf *out);

/* each new line of a service (NULL: of all) until output_unwatch(), which each() may call. NULL: no memory */
struct output_watch;
struct output_watch *output_watch(struct output *o, const char *service,
				  void (*each)(const struct output_line *line, void *arg), void *arg);
void output_unwatch(struct output_watch *w);
/* the same for one stage only */
struct output_watch *output_watch_stream(struct output_stream *s,
					 void (*each)(const struct output_line *line, void *arg), void *arg);
