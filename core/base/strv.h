/* A growing list of strings that it owns, always ended by a NULL (fit for execve). {0} is empty. Not for two threads at once. */
#pragma once
#include "core/base/cleanup.h"
#include <stdbool.h>
#include <stddef.h>

struct strv {
	char **items; /* NULL while nothing was ever put in */
	size_t count;
};

#define AUTO_STRV AUTO_DONE(strv) struct strv

/* a copy of s at the end; 0 or -ENOMEM */
int strv_add(struct strv *v, const char *s);
/* s itself (malloc'ed) becomes v's; on failure it is freed */
int strv_take(struct strv *v, char *s);
int strv_add_all(struct strv *v, const struct strv *more);
bool strv_has(const struct strv *v, const char *s);
bool strv_equal(const struct strv *a, const struct strv *b);
void strv_done(struct strv *v);
