/* What was derived for a tree without an hrfs.yaml: found and said. One thread. */
#pragma once
#include "core/derive.h"

/*
 * dir: the tree's root, at: where in it one stands. command: NULL, or what stood behind "--". CLI_OK, or the exit code: the error has been said, also that nothing was found
 * (with what is to be typed instead). d is the caller's in any case.
 */
int derived_find(const char *word, const char *dir, const char *at, char *const *command, struct derived *d);
/* as hrfs.yaml. CLI_OK or the exit code, said */
int derived_text(const struct derived *d, struct buf *text);
