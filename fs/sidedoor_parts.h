/* Between the files of the side door. */
#pragma once

/* Around a mark and its entry among the watches, for one is not to be taken away while the other comes. */
void marks_lock(void);
void marks_unlock(void);
