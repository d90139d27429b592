#include "core/socket_address.h"
#include "core/base/cleanup.h"
#include "fs/server.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BACKLOG 128

int server_listen(const char *path, bool for_others)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct socket_address a;
	int r;

	if (fd < 0)
		return -errno;
	r = socket_address_init(&a, path);
	if (r < 0)
		return r;
	unlink(path); /* a dead mount's */
	/* on the socket itself, so that it is never there with wider rights */
	fchmod(fd, 0600);
	if (bind(fd, (struct sockaddr *)&a.un, a.len) || listen(fd, BACKLOG))
		r = -errno;
	socket_address_done(&a);
	if (r == 0 && for_others && chmod(path, 0666))
		r = -errno;
	return r < 0 ? r : take_fd(&fd);
}
