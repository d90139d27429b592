/* The mount that a command runs in, and the supervisor that runs it. One thread. */
#pragma once
#include "cli/run_tree.h"

/* Comes back only when this process has not become the supervisor: the exit code, when that has been said. */
int run_mount(const struct run_request *q, const struct run_tree *t);
