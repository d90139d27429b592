/*
 * Patterns of watch: and ignore:, as in .gitignore: * ? [a-z] within a name, ** across names; a
 * pattern with a slash before its end counts from the tree's root, another matches at any depth; one
 * that matches a directory holds for all below; one that ends in a slash for directories only.
 * Pure, any thread, linear in the text for each star.
 */
#pragma once
#include "core/base/strv.h"

/* path: relative to the tree's root, a file's */
bool pattern_match(const char *pattern, const char *path);
bool pattern_match_any(const struct strv *patterns, const char *path);
/* does one of them without wildcards name path, or a directory above it, by itself? */
bool pattern_names(const struct strv *patterns, const char *path);
