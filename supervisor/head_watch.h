/* Directories of git outside of the mount: is there something new in them? On the loop's thread; callbacks come from the loop. */
#pragma once
#include "core/base/loop.h"
#include "core/base/strv.h"

struct head_watch;

/* *w (NULL: none yet) watches these from now on, as far as the kernel allows. changed: a moment after the last change */
void head_watch_set(struct head_watch **w, uv_loop_t *loop, const struct strv *dirs, void (*changed)(void *arg), void *arg);
void head_watch_free(struct head_watch *w);
