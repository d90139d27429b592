/* Why a program could not be executed, and what to do, in one line for people. Blocking; any thread. */
#pragma once
#include "core/base/buf.h"

/* error: errno of execve; word: as it was given. 0 or -ENOMEM */
int explain_exec(int error, const char *word, struct buf *out);
