/* Reading a file whole, and a directory. Any thread. */
#pragma once
#include "core/base/buf.h"
#include <dirent.h>

/* Appends what is left of fd, up to its end. 0; -EFBIG: more than max_bytes; -errno. out is undefined (but to be freed) then. */
int file_read(int fd, size_t max_bytes, struct buf *out);
/* The same of a regular file by its name, which may be no device that waits. 0; -EINVAL: it is no regular file; as above */
int file_read_path(const char *path, size_t max_bytes, struct buf *out);
/* The directory's stream, which owns fd from now on. NULL: there is none, fd (if it was one) is closed, and errno says why */
DIR *file_list(int fd);
