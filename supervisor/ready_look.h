/*
 * What the processes of a job listen on, and whether they wait for connections there, asked of /proc.
 * Blocking reads of /proc only. Any thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct sockets;

struct look {
	size_t processes; /* living ones */
	uint64_t used_ms; /* of a processor, by all that there were */
	bool works;	  /* one of them uses a processor, or waits for a disk */
	bool hidden;	  /* one of them may not be looked into */
	bool holds;	  /* one of them has a held socket open */
	bool serves;	  /* and waits on it: where, in `address` and `pid` */
	bool listens;	  /* one has a listening socket of its own: where, in `address` and `pid` */
	struct sockaddr_storage address;
	socklen_t len;
	pid_t pid;
};

/* port: the one that is waited for, 0: any but a debugger's. local: AF_UNIX sockets count too. 0 or -errno */
int look_at_job(pid_t job, const struct sockets *held, int port, bool local, struct look *out);

/* Does any thread of the job run now, want to, or wait for a disk? Reads more of /proc than look_at_job(). */
bool look_for_work(pid_t job);

enum look_owner {
	OWNER_UNKNOWN, /* it is not to be found, or its owner may not be looked into */
	OWNER_NOBODY,  /* it waits to be accepted */
	OWNER_JOB,
	OWNER_OTHER,
};

/* Which process has accepted the TCP connection whose client end has this address, to that server? */
enum look_owner look_for_owner(pid_t job, const struct sockaddr_storage *client, const struct sockaddr_storage *server);

/* does a thread of pid wait for connections on its descriptor fd, the socket with this inode? 1, 0, -EACCES: cannot be known */
int look_waits(pid_t pid, int fd, uint64_t inode);
