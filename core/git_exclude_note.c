#include "core/git_exclude_note.h"
#include "core/git_exclude.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int note_path(const char *socket_path, struct buf *out)
{
	size_t len = strlen(socket_path);

	if (len < 5 || strcmp(socket_path + len - 5, ".sock") != 0)
		return -EINVAL;
	return buf_printf(out, "%.*sexclude", (int)(len - 4), socket_path);
}

int git_exclude_note(const char *socket_path, const char *exclude_file)
{
	AUTO_BUF path = { 0 };
	AUTO_FD fd = -1;
	size_t len = strlen(exclude_file);
	int r = note_path(socket_path, &path);

	if (r < 0)
		return r;
	unlink(path.data); /* of an earlier mount with this number */
	fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return write(fd, exclude_file, len) == (ssize_t)len ? 0 : -EIO;
}

/* Only one's own note is believed: root may be looking into directories of others. */
static int read_note(const char *path, char text[static PATH_MAX])
{
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	n = read(fd, text, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return n > 0 && text[0] == '/' ? 0 : -EINVAL;
}

int git_exclude_forget(const char *socket_path, const char *mountpoint)
{
	AUTO_BUF path = { 0 };
	char file[PATH_MAX];
	int r = note_path(socket_path, &path);

	if (r == 0)
		r = read_note(path.data, file);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = git_exclude_remove(file, mountpoint);
	unlink(path.data);
	return r < 0 ? r : 0;
}
