/* What a word asks about: a service that runs here, or a path of the tree. One thread. */
#pragma once
#include "cli/ask.h"

/* *out: {"service":…} or {"path":…}, the caller's. command: for what is said. CLI_OK, or the exit code */
int question_about(struct ask *a, const char *command, const char *word, json_t **out);
