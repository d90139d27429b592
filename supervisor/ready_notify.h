/*
 * The socket that a job notifies (sd_notify): who may, and what its messages say. On the loop's thread.
 */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define NOTIFY_MAX_MESSAGE 4096

struct notify_message { /* what one datagram says; strings point into it */
	bool ready, reloading, stopping, barrier;
	const char *status;   /* NULL: nothing of it */
	int error;	      /* ERRNO=; 0: none */
	pid_t main_pid;	      /* 0: none */
	uint64_t extend_usec; /* EXTEND_TIMEOUT_USEC=; 0: none */
};

/* text: NUL-terminated, is cut into lines. Unknown keys and broken values are passed over. Pure */
void notify_parse(char *text, struct notify_message *out);

/*
 * A bound socket with an abstract name, so that it works for another user, and nothing is left of it.
 * address: for NOTIFY_SOCKET. The descriptor, or -errno
 */
int notify_open(struct buf *address);
/*
 * The next datagram of a process of the job, into text (of NOTIFY_MAX_MESSAGE + 1 bytes); others are dropped; descriptors
 * that come with one are closed (that is what a BARRIER waits for). 1: there is one, 0: none, -errno
 */
int notify_receive(int fd, pid_t job, char *text);
