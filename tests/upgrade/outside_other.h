/* For tests: what is known of changes behind the mount, from the layout that users have into that of LAYOUT_OTHER, and back. */
#pragma once
#include <stddef.h>

#define PLAIN_REPLAY_SIZE 12288

/* As struct converter's (fs/layout.h) */
int sidedoor_to_other(const void *from, size_t from_size, void *to, size_t to_size);
int sidedoor_from_other(const void *from, size_t from_size, void *to, size_t to_size);
int replay_to_other(const void *from, size_t from_size, void *to, size_t to_size);
int replay_from_other(const void *from, size_t from_size, void *to, size_t to_size);
