/*
 * The kernel's tables of sockets (/proc/PID/net/tcp, tcp6, unix), as the processes of one network namespace see
 * them, and which sockets a process holds (/proc/PID/fd). Blocking reads of /proc only; links of descriptors are
 * read, never followed. Any thread.
 */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct net_socket {
	struct sockaddr_storage local, peer; /* AF_UNSPEC: it has none */
	socklen_t local_len, peer_len;
	uint64_t inode; /* 0: accepted by nobody yet */
	bool listening;
};

/*
 * Each socket of a table of pid's namespace, pid 0: of our own. Of TCP the listening ones come first, and the others
 * only when `all`; of AF_UNIX only listening ones come. fn's non-zero answer ends it and is returned. 0 or -errno
 */
int net_each(pid_t pid, bool all, int (*fn)(const struct net_socket *s, void *arg), void *arg);
/* each descriptor of pid that is a socket. fn's non-zero answer ends it and is returned. 0, -EACCES, -ESRCH, -errno */
int net_each_fd(pid_t pid, int (*fn)(int fd, uint64_t inode, void *arg), void *arg);
/* a process that holds this socket, any of this machine but a zombie; 0: none that may be looked into */
pid_t net_holder(uint64_t inode);

/* a line of /proc/net/tcp or tcp6. 0 or -EINVAL */
int net_parse_tcp(const char *line, struct net_socket *out);
/* a line of /proc/net/unix. 0 or -EINVAL */
int net_parse_unix(const char *line, struct net_socket *out);
