/* Shared by output*.c only. */
#pragma once
#include "supervisor/output.h"
#include "supervisor/output_filter.h"
#include "supervisor/output_printer.h"

#define OUTPUT_MAX_COLOURS 128

struct output_entry {
	uint64_t number;
	int64_t time_ms;
	char *text;
	size_t len;
};

struct output_ring {
	struct output_entry *entries; /* OUTPUT_MAX_LINES; NULL until the first */
	size_t first, count, bytes;
	uint64_t dropped; /* number of the last line that is gone; 0: none is */
};

struct output_way { /* standard output or standard error of a stream */
	struct output_stream *stream;
	struct filter filter;
	bool error, coloured;
	char colours[OUTPUT_MAX_COLOURS]; /* in force at the end of the last line */
};

struct output_stream {
	struct output *output;
	struct output_stream *next; /* in the order in which they came */
	char *service;
	enum output_stage stage;
	int colour; /* of its prefix */
	struct output_way ways[2];
	struct output_ring ring;
};

struct output {
	struct output_options options;
	struct printer *printer; /* NULL: keep only */
	uv_async_t *unread;	 /* the printer's thread has found no reader; NULL: with no printer */
	bool plain_out;
	struct output_stream *streams;
	struct output_watch *watches;
	int walking; /* depth of calls to watchers: what they remove is freed after */
	size_t name_width;
	int next_colour;
	uint64_t number;
};

/* output_ring.c; what there is no memory for is not kept */
const struct output_entry *ring_put(struct output_ring *r, uint64_t number, int64_t time_ms, const char *text,
				    size_t len);
void ring_done(struct output_ring *r);
/* output_watch.c */
void output_tell(struct output *o, const struct output_stream *s, const struct output_line *line);
void output_watches_done(struct output *o);
