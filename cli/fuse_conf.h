/* /etc/fuse.conf, read as fusermount3 reads it. Pure but for the file; any thread. */
#pragma once
#include <stdbool.h>

/* does the text allow ordinary users allow_other? */
bool fuse_conf_parse(const char *text);
/* does the file? It is not there: no */
bool fuse_conf_allows_others(void);
