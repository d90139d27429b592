#include "fs/control.h"
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

union space {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* The kernel counts descriptors on their way against the sender's limit: the other end takes them soon. */
#define TRIES 10000

int control_send(int socket, enum control_message m, uint64_t id, int fd)
{
	struct control_packet p = { .message = m, .id = id };
	struct iovec iov = { &p, sizeof(p) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	union space control;
	ssize_t n;

	if (fd >= 0) {
		h.msg_control = control.bytes;
		h.msg_controllen = sizeof(control.bytes);
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &fd, sizeof(fd));
	}
	for (int i = 0; i < TRIES; i++) {
		n = sendmsg(socket, &h, MSG_NOSIGNAL);
		if (n >= 0 || (errno != EINTR && errno != ETOOMANYREFS))
			break;
		sched_yield();
	}
	return n < 0 ? -errno : 0;
}

int control_receive(int socket, struct control_packet *p, int *fd, int dont_wait)
{
	struct iovec iov = { p, sizeof(*p) };
	union space control;
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	struct cmsghdr *c;
	ssize_t n;

	*fd = -1;
	do {
		n = recvmsg(socket, &h, MSG_CMSG_CLOEXEC | (dont_wait ? MSG_DONTWAIT : 0));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n != sizeof(*p))
		return 0;
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return 1;
}
