/* A command line as a user writes it, and how it is executed. Pure, any thread. */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"

/*
 * The words to execute: the line's own ones (quotes taken off) when it is plain, else "sh", "-c",
 * line. A line is plain when no shell is needed to understand it: no expansion, redirection, list,
 * assignment, and its first word is no keyword or builtin that only a shell has.
 * argv: empty before. 0, -EINVAL (nothing but blanks, or a quote without its end), -ENOMEM.
 */
int command_words(const char *line, struct strv *argv);
/* one line for people out of words; what a shell would take apart is quoted. 0 or -ENOMEM */
int command_line(const struct strv *argv, struct buf *out);
