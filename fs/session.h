/* The worker as a whole: it waits for its turn, serves, and ends in order. */
#pragma once

/*
 * memfd and the control socket to the keeper; later_stderr: -1, or it is of an upgrade, says first whether it fits, and
 * has that as its standard error from then on. The process's exit status
 */
int session_main(int memfd, int control, int later_stderr);
