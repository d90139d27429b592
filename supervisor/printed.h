/*
 * `hrfs run | tee log` and `hrfs run > log`: what hrfs prints lands in a file of the tree, and each reload would print the
 * next one's cause. Blocking reads of /proc only. Any thread.
 */
#pragma once
#include "core/change.h"

#define PRINTED_JOB "hrfs" /* services' jobs have a slash in their names */

/*
 * A copy of the batch's changes, in which those of files that standard output or standard error are, or lead to through
 * pipes, have PRINTED_JOB as their writer. NULL: there are none such. mountpoint, source: both ways into the tree; the paths are the batch's.
 */
struct change *printed_mark(const struct batch *b, const char *mountpoint, const char *source);
