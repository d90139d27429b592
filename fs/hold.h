/*
 * Descriptors of what is about to lose its path, kept until the path's mark has settled: the content
 * before can then still be hashed, if the path comes back at all. Any thread; a lock of its own.
 *
 * A mark's number is used again, so a mark is named by its number and the time of its birth (first_ns).
 */
#pragma once
#include "core/change.h"
#include "fs/node.h"

/* at most this many descriptors */
void hold_init(unsigned max);
/*
 * fd is taken over on success: of a file opened for reading, of which the first `limit` bytes are the content
 * before (UINT64_MAX: all). -ENFILE: no room (hash it now), -ENOMEM.
 */
int hold_add(uint32_t mark, int64_t born_ns, node_id node, int fd, uint64_t limit);
/* A duplicate that the caller closes, or -ENOENT, -errno */
int hold_get(uint32_t mark, int64_t born_ns, uint64_t *limit);
void hold_drop(uint32_t mark, int64_t born_ns);
/* A mark for which this very object is held: asked before its content changes. */
bool hold_of_node(node_id node, uint32_t *mark, int64_t *born_ns);
/* Drops all whose mark `lives` no more. */
void hold_sweep(bool (*lives)(uint32_t mark, int64_t born_ns, void *arg), void *arg);
