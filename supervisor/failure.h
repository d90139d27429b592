/* What a failed command's output says in one line. Pure, any thread. */
#pragma once
#include "core/base/buf.h"

#define FAILURE_MAX_BYTES 160

/*
 * The first place in a source file that the text complains about, with what stands behind it on that line: "main.c:12:3:
 * error: …". A line that says "error" goes before others; Python's `File "x.py", line 3` and TypeScript's `x.ts(3,1)`
 * are understood. Without a place: the last line that is not empty. One line of at most FAILURE_MAX_BYTES.
 * text: without escape sequences. 0; -ENOENT: there is nothing in it; -ENOMEM
 */
int failure_line(const char *text, struct buf *out);
