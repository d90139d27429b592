/* Reading a file whole. Any thread. */
#pragma once
#include "core/base/buf.h"

/* Appends what is left of fd, up to its end. 0; -EFBIG: more than max_bytes; -errno. out is undefined (but to be freed) then. */
int file_read(int fd, size_t max_bytes, struct buf *out);
/* The same of a regular file by its name, which may be no device that waits. 0; -EINVAL: it is no regular file; as above */
int file_read_path(const char *path, size_t max_bytes, struct buf *out);
