/* What the mount believes of a name, and what is there. Threads of the side door. */
#pragma once
#include "fs/table.h"

struct found {
	node_id dir;
	const char *name; /* borrowed */
	node_id known;	  /* what the table has under this name; 0: nothing */
	node_id there;	  /* what it leads to now, where that is a node; else 0 */
	mode_t type;	  /* S_IFMT bits of what is there; 0: nothing */
	mode_t was;	  /* of what is known */
	bool elsewhere;	  /* what is known has another name too */
	bool hidden;	  /* what is there cannot be told: no right to look, or the lower fails */
};

void find(node_id dir, const char *name, struct found *out);
/* The table as the lower was found to be. */
void found_enter(const struct found *f);
/* The kernel has it */
bool find_is_used(node_id id);
/* S_IFMT bits of the node; 0: it is gone */
mode_t find_type(node_id id);
