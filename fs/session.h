/* The worker as a whole: it waits for its turn, serves, and ends in order. */
#pragma once

/* memfd and the control socket to the keeper; the process's exit status */
int session_main(int memfd, int control);
