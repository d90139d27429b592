/* How the commands speak: errors in one line, colour on terminals only, JSON for scripts. One thread. */
#pragma once
#include "core/base/buf.h"
#include "core/json.h"
#include <stdbool.h>
#include <stdint.h>

/* "hrfs: TEXT" on standard error */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* the same without the error's colour: something worth knowing */
void say_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

enum say_style { SAY_PLAIN, SAY_BOLD, SAY_DIM, SAY_RED, SAY_GREEN, SAY_YELLOW };
/* is fd a terminal, and neither NO_COLOR nor TERM=dumb against it? */
bool say_colours(int fd);
/* the escape sequence on standard output, "" when it has no colours; SAY_PLAIN ends any other */
const char *say_style(enum say_style s);

/* text for people: control characters (a file's name may hold any) are shown, not obeyed. 0 or -ENOMEM */
int say_safe(struct buf *out, const char *text);
/* one object, a line of its own; spread over lines on a terminal */
void say_json(const json_t *o);
/* "3 s", "5 min", "2 h 10 min" */
int say_duration(struct buf *out, int64_t ms);
/* text as one word of a command that can be pasted into a shell. 0 or -ENOMEM */
int say_word(struct buf *out, const char *text);
/* text without the escape sequences of colours in it. 0 or -ENOMEM */
int say_plain(struct buf *out, const char *text);
