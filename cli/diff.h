/* The difference of two short texts as people read it. Pure, any thread. */
#pragma once
#include "core/base/buf.h"

/*
 * A unified diff with three lines of context, without its two heading lines; nothing when they are
 * equal. Beyond some thousand lines everything counts as changed. 0 or -ENOMEM
 */
int diff_unified(const char *before, const char *after, struct buf *out);
