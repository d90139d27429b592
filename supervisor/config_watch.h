/*
 * hrfs.yaml of the tree, or at first what was derived for one without: read at the start, and again when a change of it has settled. A bad one, and one that its user has
 * not agreed to, leave what is in force. On the loop's thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"
#include "core/change.h"
#include "core/json.h"
#include <stdbool.h>

struct config_watch;
struct engine;

/* everything outlives it */
struct config_watch_options {
	struct engine *engine;
	const char *mountpoint;	 /* it is read through the mount */
	const char *source;	 /* trust is kept for this path */
	const struct strv *only; /* names of services, empty: all */
	int first;		 /* a descriptor: what was derived, and runs until there is an hrfs.yaml; -1: none */
	bool consent;		 /* what is there at the start may run */
	/* a line for people: "hrfs.yaml:3: …" */
	void (*say)(const char *text, void *arg);
	void *arg;
};

int config_watch_new(const struct config_watch_options *options, struct config_watch **out);
void config_watch_free(struct config_watch *w);

/*
 * The first time. 0; nothing runs, but a later version may: -EPERM: it is not trusted, -EBADMSG: it is wrong, which has been
 * said; -ENOENT, -EINVAL (a service that is not there), -errno: error has one line
 */
int config_watch_start(struct config_watch *w, struct buf *error);
/* what has settled; before the engine takes it */
void config_watch_take(struct config_watch *w, const struct batch *b);
/* read it again: trust may have been given meanwhile. true: other settings are in force now */
bool config_watch_look(struct config_watch *w);

/* what is in the file is in force */
bool config_watch_is_ok(const struct config_watch *w);
/* why not; null when it is */
json_t *config_watch_error(const struct config_watch *w);
/* services that wait for trust: [{"service","run","reason"}] */
json_t *config_watch_not_started(const struct config_watch *w);
