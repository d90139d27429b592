/* The messages between keeper and worker, over a SOCK_SEQPACKET socket. Any thread may send. */
#pragma once
#include <stdint.h>

enum control_message {
	CONTROL_NONE,
	CONTROL_SERVING, /* worker: the mount answers */
	CONTROL_DETACH,	 /* worker: a client asked for a lazy unmount */
	CONTROL_ENDED,	 /* worker: unmounted, and everything told; it exits now */
};

int control_send(int socket, enum control_message m);
/* 1 with *m; 0: the other end is closed; -EAGAIN: nothing there (only with dont_wait); -errno */
int control_receive(int socket, enum control_message *m, int dont_wait);
