/*
 * Which paths have been compared a moment ago. What somebody else changes behind the mount is heard of a little
 * later; by then it may have been compared already, as if it were older than it is. Any thread.
 */
#pragma once
#include <stdbool.h>

/* After it has been looked at, before that is published. */
void recent_note(const char *path);
/* May be true of others. */
bool recent_is(const char *path);
