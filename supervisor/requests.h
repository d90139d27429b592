/*
 * Answers the commands that the mount's socket passes on: hrfs-wait, hrfs-reload, hrfs-why,
 * hrfs-services, hrfs-output, hrfs-stop. On the loop's thread.
 */
#pragma once
#include "core/base/loop.h"
#include "core/json.h"
#include <stdint.h>

struct config_watch;
struct engine;
struct link;
struct output;
struct requests;
struct timeline;

/* everything outlives it */
struct requests_options {
	uv_loop_t *loop;
	struct link *link;
	struct engine *engine;
	struct output *output;
	struct timeline *timeline;
	struct config_watch *config; /* NULL: there is no file */
	const char *mountpoint;
	/* hrfs-stop */
	void (*stop)(void *arg);
	void *arg;
};

int requests_new(const struct requests_options *options, struct requests **out);
void requests_free(struct requests *r);
/* those that come before requests_begin() wait for it: there is nothing yet to be asked about */
void requests_take(struct requests *r, int64_t id, const json_t *command);
void requests_begin(struct requests *r);
void requests_cancel(struct requests *r, int64_t id);
/* nobody waits for those that are not answered any more, and others wait for requests_begin() */
void requests_forget(struct requests *r);
/* something has changed that somebody may wait for */
void requests_moved(struct requests *r);
