#include "core/base/path.h"
#include "core/derive.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define ALL "*\n"
#define ALL_BUT_ITSELF "*\n!.gitignore\n"

/* one that an earlier run has made for itself gives way to one for the repository */
static void drop_own(int dir)
{
	struct stat st;

	if (fstatat(dir, ".gitignore", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == (off_t)strlen(ALL))
		unlinkat(dir, ".gitignore", 0);
}

static int write_ignore(int dir, const char *text)
{
	AUTO_FD fd = openat(dir, ".gitignore", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	int r;

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (write(fd, text, strlen(text)) >= 0)
		return 0;
	r = -errno;
	unlinkat(dir, ".gitignore", 0);
	return r;
}

int derive_prepare(const struct derived *d, const char *dir, bool kept)
{
	AUTO_BUF path = { 0 };
	AUTO_FD fd = -1;
	int r = d->outputs ? path_join(&path, dir, DERIVE_OUTPUTS) : 0;

	if (!d->outputs || r < 0)
		return r;
	if (mkdir(path.data, 0777) && errno != EEXIST)
		return -errno;
	fd = open(path.data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (kept)
		drop_own(fd);
	return write_ignore(fd, kept ? ALL_BUT_ITSELF : ALL);
}
