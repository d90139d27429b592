/*
 * What passes through the mount, noted. Every mutating request calls observe_before() when its
 * system call is about to be made, and observe_after() when it has been, before its reply. Request
 * threads only; both are quick (at most 20 ms of hashing, else the before-state is "unknown").
 */
#pragma once
#include "core/change.h"
#include "core/journal.h"
#include "fs/node.h"

enum observe_kind {
	OBSERVE_CREATE,	  /* dir, name: create, mknod, mkdir, symlink, link; without O_EXCL it may exist */
	OBSERVE_REMOVE,	  /* dir, name: unlink, rmdir; node: what it is, 0 when not known */
	OBSERVE_RENAME,	  /* dir, name -> new_dir, new_name with rename_flags; node, new_node (victim) */
	OBSERVE_WRITE,	  /* node: offset, size; append */
	OBSERVE_TRUNCATE, /* node: size = the new length */
	OBSERVE_CONTENT,  /* node: fallocate, copy_file_range: any other change of content */
	OBSERVE_MODE,	  /* node: chmod; mode = the new one */
	OBSERVE_ATTR,	  /* node: owner, times, xattr: never a change of state */
};

#define OBSERVE_MARKS 8

struct observe_op {
	enum observe_kind kind;
	node_id node, new_node;
	node_id dir, new_dir;
	const char *name, *new_name;
	unsigned rename_flags;
	uint64_t offset, size;
	bool append;	/* the write only adds behind the end */
	bool truncates; /* CREATE with O_TRUNC */
	mode_t mode;
	const struct stat *found; /* what dir and name have just been found to lead to; NULL: not looked at yet */
	pid_t tid; /* of the caller, as the kernel gave it; 0 for writeback and other namespaces */

	/* private: */
	uint32_t marks[OBSERVE_MARKS]; /* what before() has noted */
	uint32_t *more;		       /* instead, of a node with more names */
	uint32_t mark_count;
	uint64_t moves[2]; /* of a rename of a directory; two when exchanged */
	uint64_t renames;  /* how many there had been when the paths were looked at */
	struct buf paths;  /* with NULs between, while somebody wants to hear of each at once */
};

/* Before the first request. root_fd: O_PATH of the lower's root, borrowed. 0 or -errno */
int observe_start(struct journal *j, int root_fd);
struct journal *observe_journal(void);
/*
 * 0, or -errno: the request must then not be carried out and the error be its answer (-ENOSPC when
 * the journal cannot take one more path). observe_after() is called if and only if this was 0.
 * Fills the private part.
 */
int observe_before(struct observe_op *op);
/* result: 0 (or bytes written), or -errno: nothing happened */
void observe_after(struct observe_op *op, int result);
