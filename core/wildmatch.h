/*
 * Patterns for paths: '*', '?', '[a-z]', '\' before a character that is meant as it is, and in whole
 * paths '**' between slashes for any number of directories. Time is bounded by the product of both
 * lengths for each level, whatever the pattern. Pure, any thread.
 */
#pragma once
#include <stdbool.h>

enum wild_flags {
	WILD_PATH = 1,	   /* slashes are matched by slashes only */
	WILD_PERIOD = 2,   /* a leading dot of a name is matched by a dot only */
	WILD_CASEFOLD = 4, /* of ASCII letters */
	WILD_NOESCAPE = 8, /* '\' is an ordinary character */
};

bool wildmatch(const char *pattern, const char *text, unsigned flags);
