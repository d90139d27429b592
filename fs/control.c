#include "fs/control.h"
#include <errno.h>
#include <sys/socket.h>

int control_send(int socket, enum control_message m)
{
	uint32_t word = m;

	return send(socket, &word, sizeof(word), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int control_receive(int socket, enum control_message *m, int dont_wait)
{
	uint32_t word;
	ssize_t n;

	do {
		n = recv(socket, &word, sizeof(word), dont_wait ? MSG_DONTWAIT : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n != sizeof(word))
		return 0;
	*m = (enum control_message)word;
	return 1;
}
