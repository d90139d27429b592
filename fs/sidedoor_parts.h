/* Between the files of the side door. */
#pragma once
#include "fs/node.h"

/* Around a mark and its entry among the watches, for one is not to be taken away while the other comes. */
void marks_lock(void);
void marks_unlock(void);
/* What the kernel has of this node is old, and what is written to it at this moment by way of the mount may be too. */
void changed_outside(node_id id);
