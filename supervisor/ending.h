/*
 * The last step of a run: the mount that was made for it is taken away, whoever is still inside is
 * named, and the daemon's end is waited for. A mount of somebody else stays. On the loop's thread.
 */
#pragma once
#include "core/base/loop.h"
#include <stdbool.h>
#include <sys/types.h>

struct ending;
struct link;
struct output;

/* everything outlives it */
struct ending_options {
	uv_loop_t *loop;
	struct link *link; /* NULL: there is none, nothing is done */
	struct output *output;
	const char *mountpoint;
	dev_t device;
	bool own; /* the mount is this run's */
	/* once; from the loop or inside ending_begin() */
	void (*done)(void *arg);
	void *arg;
};

/* 0 or -ENOMEM */
int ending_new(const struct ending_options *options, struct ending **out);
/* all services have ended; again: nothing */
void ending_begin(struct ending *e);
bool ending_has_begun(const struct ending *e);
/* the mount or the link to it is gone */
void ending_gone(struct ending *e);
void ending_free(struct ending *e);
