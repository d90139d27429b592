/* Leaving the terminal that a daemon was started from. */
#pragma once

/* A session of its own, and nothing of the starter's held open: whoever reads his output to its end would wait for ours. */
void leave_terminal(void);
