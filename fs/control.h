/*
 * The messages between keeper and worker, over a SOCK_SEQPACKET socket; some carry a descriptor. Any
 * thread may send. The worker's end lies in the descriptor table that all its threads but the notifier
 * share: when it is closed, the last of them is gone, and with it every call on the lower.
 */
#pragma once
#include <stdint.h>

enum control_message {
	CONTROL_NONE,
	/* worker to keeper */
	CONTROL_SERVING,    /* the mount answers */
	CONTROL_DETACH,	    /* a client asked for a lazy unmount */
	CONTROL_ENDED,	    /* unmounted, and everything told; it exits now */
	CONTROL_DROP_VICTIM, /* id: forgotten, the descriptor may be closed */
	CONTROL_DROP_FILE,
	/* both ways: worker to keeper before the system call that makes it needed; keeper to successor before GO */
	CONTROL_KEEP_VICTIM, /* id and an O_PATH descriptor of a node that loses its last name */
	CONTROL_KEEP_FILE,   /* id and a descriptor with rights that could not be had again */
	/* both ways: a helper for replay is wanted; a descriptor connected to it (none: it is given up) */
	CONTROL_REPLAY,
	/* keeper to worker */
	CONTROL_GIT, /* a descriptor connected to hrfs-git */
	CONTROL_GO,  /* the standby is to serve */
	/*
	 * Upgrades (fs/upgrade.h). The worker that serves: a memfd with the paths of the programs, "WORKER\0GIT\0". One
	 * that is to be the next one, from its own program's start: its programs' descriptors, then whether it fits.
	 * GO with the id 1: the areas have been made for it.
	 */
	CONTROL_UPGRADE,
	CONTROL_PROGRAM,
	CONTROL_GIT_PROGRAM,
	CONTROL_FITS,	 /* shared->wanted says what it works with; it makes that of what is there itself */
	CONTROL_FOREIGN, /* the program that serves is to make it, or nobody can */
	/* to the standby of the program that serves, and its answer */
	CONTROL_CAN_MAKE, /* can it make what shared->wanted says? */
	CONTROL_MAKE,	  /* it is to, now: nobody serves */
	CONTROL_YES,
	CONTROL_NO,
};

struct control_packet {
	uint32_t message; /* enum control_message */
	uint32_t zero;
	uint64_t id; /* of a node */
};

/* fd: -1 for none; stays the caller's. 0 or -errno */
int control_send(int socket, enum control_message m, uint64_t id, int fd);
/* 1 with *p and *fd (-1: it carries none; else the caller's); 0: the other end is closed; -EAGAIN: nothing there (only with dont_wait); -errno */
int control_receive(int socket, struct control_packet *p, int *fd, int dont_wait);
