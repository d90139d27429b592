/*
 * An LRU of open directories (O_PATH) of the lower. Any thread; takes table_lock itself, except
 * dirs_forget() and dirs_known(), which want it held.
 */
#pragma once
#include "fs/node.h"

struct dirfd {
	int fd; /* borrowed until dirs_put() */
	/* private: */
	uint32_t index, refs;
	bool cached, old_root;
	struct dirfd *newer, *older;
};

/* root_fd: O_PATH, kept; at most `max` descriptors beside those in use */
void dirs_init(int root_fd, unsigned max);
/* 0 or -errno; -ESTALE when the directory is no longer where the table knows it */
int dirs_get(node_id dir, struct dirfd **out);
void dirs_put(struct dirfd *d);
/* the node is about to be freed; with table_lock */
void dirs_forget(uint32_t index);
int dirs_root(void);
/*
 * fd (stays the caller's) is the root from now on, under the same number. With table_lock. When a request that is under way in the one
 * before has ended, all is doubtful again.
 */
void dirs_replace_root(int fd);
