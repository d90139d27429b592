/*
 * Directories outside of the mount that its jobs may read, watched by inotify with all that is in them but hidden names and
 * node_modules: whatever changes there counts as read. On the loop's thread; callbacks come from the loop.
 */
#pragma once
#include "core/base/loop.h"
#include "core/base/strv.h"
#include "core/change.h"
#include <stdbool.h>

#define OUTSIDE_WATCHES_MAX 4000

struct outside_watch;

/* some paths (absolute, each with what it is now) are in another state than when they were last looked at */
typedef void (*outside_changed)(const struct change *changes, size_t count, void *arg);

/* dirs: absolute. 0 or -errno */
int outside_watch_new(uv_loop_t *loop, const struct strv *dirs, outside_changed changed, void *arg,
		      struct outside_watch **out);
void outside_watch_free(struct outside_watch *w);
/* there were too many directories, or the kernel did not let all of them be watched */
bool outside_watch_is_partial(const struct outside_watch *w);
