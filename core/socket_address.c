#include "core/socket_address.h"
#include "core/base/cleanup.h"
#include "core/base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int socket_address_init(struct socket_address *a, const char *path)
{
	const char *name = path_base(path);
	AUTO_FREE char *dir = NULL;
	int n;

	*a = (struct socket_address){ .un = { .sun_family = AF_UNIX }, .len = sizeof(a->un), .dir_fd = -1 };
	if (strlen(path) < sizeof(a->un.sun_path)) {
		strcpy(a->un.sun_path, path);
		return 0;
	}
	dir = strndup(path, (size_t)(name - path));
	if (!dir)
		return -ENOMEM;
	a->dir_fd = open(*dir ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (a->dir_fd < 0)
		return -errno;
	n = snprintf(a->un.sun_path, sizeof(a->un.sun_path), "/proc/self/fd/%d/%s", a->dir_fd, name);
	if ((size_t)n < sizeof(a->un.sun_path))
		return 0;
	socket_address_done(a);
	return -ENAMETOOLONG;
}

void socket_address_done(struct socket_address *a)
{
	if (a->dir_fd >= 0)
		close(a->dir_fd);
	a->dir_fd = -1;
}

int socket_connect(const char *path)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct socket_address a;
	int r;

	if (fd < 0)
		return -errno;
	r = socket_address_init(&a, path);
	if (r < 0)
		return r;
	r = connect(fd, (struct sockaddr *)&a.un, a.len) ? -errno : 0;
	socket_address_done(&a);
	return r < 0 ? r : take_fd(&fd);
}
