#include "core/base/mountpoint.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

int mountpoint_open(const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	/* an old container's filter */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

/* By the directory above it: whoever holds the mount's own would keep it busy. */
int mountpoint_unmount(const char *path, int flags)
{
	const char *name = strrchr(path, '/');
	char above[PATH_MAX], at[PATH_MAX];
	AUTO_FD fd = -1;

	if (!name || !name[1] || (size_t)(name - path) >= sizeof(above))
		return -EINVAL;
	memcpy(above, path, (size_t)(name - path));
	above[name - path] = '\0';
	fd = mountpoint_open(*above ? above : "/");
	if (fd < 0)
		return fd;
	if (snprintf(at, sizeof(at), "/proc/self/fd/%d%s", fd, name) >= (int)sizeof(at))
		return -ENAMETOOLONG;
	return umount2(at, flags | UMOUNT_NOFOLLOW) ? -errno : 0;
}
