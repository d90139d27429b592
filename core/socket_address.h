/* Addresses of Unix sockets by paths of any length (the kernel's has room for 107 bytes). Any thread. */
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

struct socket_address {
	struct sockaddr_un un;
	socklen_t len;
	int dir_fd; /* what a long path goes through; -1: not needed */
};

/* 0, -ENAMETOOLONG (the name itself), -errno (its directory). The caller calls socket_address_done(). */
int socket_address_init(struct socket_address *a, const char *path);
void socket_address_done(struct socket_address *a);
/* a connected stream socket, or -errno */
int socket_connect(const char *path);
