/* The life of a job: from the word to begin until no process of its tree is left. For hrfs-job's only thread. */
#pragma once
#include "supervisor/job/program.h"

/*
 * control: the socket to the supervisor (messages are in docs/architecture.md). All signals are blocked already.
 * Returns when nothing is left. 0 or -errno
 */
int life_run(struct program *program, int control);
