/*
 * Listening sockets that hrfs holds for a service: bound once, passed to each generation (LISTEN_FDS),
 * so that a reload refuses no connection. On the supervisor's thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SOCKETS_MAX 16 /* of one service */

struct sockets;

/*
 * addresses as in struct config_listen: "127.0.0.1:8080", "[::1]:80", ":80" and "80" (every address of
 * this machine), "localhost:80", "unix:PATH", "/PATH", "@ABSTRACT"; port 0 takes a free one. names beside
 * them, "" where there is none (NULL: none at all). A relative PATH is below root. 0; -errno: error has one line for people (for
 * -EADDRINUSE with the holder's pid, command and age). Nothing stays open on failure.
 */
int sockets_open(const struct strv *addresses, const struct strv *names, const char *root, struct sockets **out,
		 struct buf *error);
/* closes, and removes the unix paths that it made */
void sockets_free(struct sockets *s);

size_t sockets_count(const struct sockets *s);
/* stays the set's */
int sockets_fd(const struct sockets *s, size_t i);
/* as it really is: "127.0.0.1:8080", "[::]:80", "unix:/PATH", "@ABSTRACT" */
const char *sockets_address(const struct sockets *s, size_t i);
/* of the first TCP socket; 0: none */
int sockets_port(const struct sockets *s);
uint64_t sockets_inode(const struct sockets *s, size_t i);
/* is this inode one of them? */
bool sockets_has_inode(const struct sockets *s, uint64_t inode);
/* the values of LISTEN_FDNAMES: "http:admin", "unknown" where there is no name. 0 or -ENOMEM */
int sockets_names(const struct sockets *s, struct buf *out);
/*
 * May the new set take the place of the old? 1 when it has the same addresses and names in the same
 * order, so that the sockets need not be bound anew; else 0
 */
int sockets_match(const struct sockets *s, const struct strv *addresses, const struct strv *names, const char *root);

/*
 * Who listens on a TCP port of this machine? 1: text got "pid 12 (node server.js), started 3 min ago"; 0: nobody;
 * -errno. Sockets of `except` (may be NULL) do not count.
 */
int sockets_port_holder(int port, const struct sockets *except, struct buf *text);

/* "HOST:PORT" and the like into an address. 0, -EINVAL (error says why), -errno. Pure but for reading no file */
int sockets_parse(const char *text, const char *root, struct sockaddr_storage *out, socklen_t *len, struct buf *error);
/* the other way, in the form of sockets_address() */
void sockets_print(const struct sockaddr_storage *address, socklen_t len, struct buf *out);
