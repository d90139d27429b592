/*
 * An LRU of open files of the lower, since no OPEN tells when a file is in use. Any thread; takes
 * table_lock itself, except files_forget() and the victims' count, which want it held.
 */
#pragma once
#include "fs/node.h"

struct file {
	int fd; /* borrowed until file_put() */
	/* private: */
	node_id id;
	uint32_t refs;
	bool writable, readable, cached;
	bool append_only; /* opened with O_APPEND, since the file (chattr +a) can't be opened otherwise */
	bool precious; /* could not be opened again with these rights: kept as long as there is room */
	struct file *next_in_hash, *newer, *older;
};

/* at most `max` descriptors beside those in use */
void files_init(unsigned max, unsigned max_victims);
/* for reading or for writing (without O_APPEND, but see append_only). 0 or -errno */
int files_get(node_id id, bool write, struct file **out);
/*
 * The one that is open already, for reading or writing: the object's own, wherever its name leads by now. NULL: there is
 * none, or objects are told by their names.
 */
struct file *files_at_hand(node_id id);
void files_put(struct file *f);
#define AUTO_FILE __attribute__((cleanup(files_cleanup))) struct file *
static inline void files_cleanup(struct file **f)
{
	if (*f)
		files_put(*f);
}
/*
 * A descriptor (O_RDWR) that is at hand, taken over also on failure. precious: with rights that its
 * owner may not have again (of a file made read-only, or about to be).
 */
void files_add(node_id id, int fd, bool precious);
/* the same for one that the keeper has kept from a dead worker */
void files_adopt(node_id id, int fd);
/* A batch has settled: writable descriptors are let go of, or running the file on the lower would be ETXTBSY. */
void files_settled(void);

/* What was opened with rights that are gone now (an immutable file) is not to be used any more. */
void files_drop(node_id id);

/* with table_lock: the node is about to be freed */
void files_forget(node_id id);
/* with table_lock: room for one more victim? */
bool files_victim_room(void);
void files_victim_added(void);
void files_victim_gone(void);
