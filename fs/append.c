#include "fs/append.h"
#include "core/base/cleanup.h"
#include "fs/ops.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A dead worker was about to append at `from`. Whoever writes behind the mount may have been faster: then
 * the data lies behind theirs, or nowhere yet. False: nowhere.
 */
static bool find_made(int fd, const char *data, size_t size, uint64_t from, uint64_t end, uint64_t *at)
{
	size_t len = end > from ? (size_t)(end - from) : 0;
	const size_t most = size + MAX_WRITE; /* more than that can hardly have been written since */
	AUTO_FREE char *there = NULL;
	const char *found;
	ssize_t n;

	if (len > most)
		len = most;
	there = malloc(len + 1);
	n = there ? pread(fd, there, len, (off_t)from) : -1;
	*at = from;
	if (n < 0)
		return true; /* a file that may be written only: nobody can tell */
	if (memcmp(there, data, (size_t)n < size ? (size_t)n : size) == 0)
		return true; /* all of it, some, or the end */
	found = memmem(there, (size_t)n, data, size);
	if (found)
		*at = from + (uint64_t)(found - there);
	return found;
}

int append_plan(int fd, const char *data, size_t size, uint64_t *offset, bool *fixed)
{
	struct intent *i = &lane_current()->intent;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*fixed = request_is_resumed() && i->offset &&
		 find_made(fd, data, size, i->offset - 1, (uint64_t)st.st_size, offset);
	if (!*fixed)
		*offset = (uint64_t)st.st_size;
	i->offset = *offset + 1;
	return 0;
}
