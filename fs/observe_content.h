/* From files to states: stamps, links, and descriptors to hash from. Any thread; no locks. */
#pragma once
#include "core/journal_record.h"
#include <sys/stat.h>

struct stamp stamp_of(const struct stat *st);
bool stamp_equal(const struct stamp *a, const struct stamp *b);
/* of a symbolic link: (dirfd, name), or dirfd itself (O_PATH) where name is "". 0 or -errno */
int state_of_link(int dirfd, const char *name, struct state *out);
/* A regular file for reading, its access time untouched where that is allowed. A descriptor or -errno */
int content_open(int dirfd, const char *name);
/* The same for what an O_PATH descriptor stands for. */
int content_open_again(int fd);
/* s with the hash of the first `limit` bytes; without one when it could not be read in time */
struct state state_hashed(struct state s, int fd, uint64_t limit, int64_t deadline_ns);
/* of no bytes at all */
struct state state_of_empty(struct state s);
