/* Can this user mount through FUSE on this machine, and if not, what mends it? One thread. */
#pragma once

/* CLI_OK or the exit code: what is missing, and the command that mends it, has been said */
int fuse_check(void);
/* a daemon's error (-errno and its words) with what there is to do about it. Answers the exit code */
int fuse_explain(int r, const char *error);
