/* For tests: a journal in the layout that users have, and the same in that of a build with LAYOUT_OTHER (core/base/layout.h). */
#pragma once
#include <stddef.h>

/* Whole regions; `to` is zeroed, `from` is not changed. 0 or -errno */
int journal_to_other(const void *from, size_t from_size, void *to, size_t to_size);
int journal_from_other(const void *from, size_t from_size, void *to, size_t to_size);
