/*
 * One change that somebody else has made behind the mount, as far as it is known. One notice of the
 * kernel may stand for several changes of one name, so `what` is a set.
 */
#pragma once
#include "fs/node.h"

enum {
	FOREIGN_CREATE = 1,
	FOREIGN_DELETE = 2,
	FOREIGN_MODIFY = 4,
	FOREIGN_CLOSE = 8, /* somebody who could write has closed it */
	FOREIGN_ATTRIB = 16,
	FOREIGN_MOVE = 32,
};

/* Strings are borrowed. Ids are of nodes that may be gone by the time that somebody looks. */
struct foreign_change {
	uint32_t what;
	mode_t type;	  /* S_IFMT bits of the object; 0: not known */
	node_id dir;	  /* of a move: where it was. 0: where nobody looks, or outside the tree */
	const char *name; /* in dir; NULL where dir is 0 */
	node_id new_dir;  /* of a move: where it is. 0: as above */
	const char *new_name;
	node_id node;	  /* what dir and name led to before the change; with dir 0: the object itself. 0: not known */
	node_id replaced; /* of a move: what new_dir and new_name led to before; 0: nothing, or not known */
};
