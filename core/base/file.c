#include "core/base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP 65536

int file_read(int fd, size_t max_bytes, struct buf *out)
{
	size_t start = out->len;

	for (;;) {
		ssize_t n;
		int r = buf_reserve(out, STEP);

		if (r < 0)
			return r;
		n = read(fd, out->data + out->len, STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (n == 0)
			return 0;
		if (out->len - start > max_bytes)
			return -EFBIG;
	}
}

int file_read_path(const char *path, size_t max_bytes, struct buf *out)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? file_read(fd, max_bytes, out) : -EINVAL;
}

DIR *file_list(int fd)
{
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int error = errno;

	if (!d && fd >= 0)
		close(fd);
	errno = error;
	return d;
}
