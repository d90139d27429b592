/*
 * A client of a mount's socket: finds it, asks, and takes what comes unasked. Not for two threads at
 * once. Errors for people are one line that says what to do.
 */
#pragma once
#include "core/base/buf.h"
#include "core/json.h"
#include <stdbool.h>
#include <stdint.h>

struct client;

struct client_mount {
	char *socket, *mountpoint, *source, *log; /* absolute; owned */
	int keeper_pid;
	bool allow_other;
};

void client_mount_done(struct client_mount *m);
/*
 * The mount that path (NULL: the working directory) lies in; when path is in none, the mount whose
 * source it is or lies in. Never touches a file system that might hang: mountinfo and the descriptions
 * beside the sockets. 0; -ENOENT: none (error says how to make one); -ENOTUNIQ: it is the
 * source of several; -EPERM, -ENOTCONN (the mount is dead); -errno.
 */
int client_find(const char *path, struct client_mount *out, struct buf *error);
/* every mount of this user that is alive; root sees all. fn's non-zero answer ends it and is returned */
int client_each_mount(int (*fn)(const struct client_mount *m, void *arg), void *arg);

/* checks that the socket's owner is this user, root, or whom the mount's description names. 0 or -errno with error */
int client_connect(const char *socket_path, struct client **out, struct buf *error);
void client_free(struct client *c);

/* request is taken over (freed) in any case. 0, -EPIPE, -ENOMEM, -errno; blocks while the socket is full */
int client_send(struct client *c, json_t *request);
/*
 * The next object, waiting at most timeout_ms (-1: for ever, 0: what is there; the way for event
 * loops: poll client_fd() for reading, then this until -EAGAIN). The caller's. 0; -EAGAIN: none in that time; -EPIPE: the
 * other end is gone; -EPROTO: no JSON.
 */
int client_receive(struct client *c, int64_t timeout_ms, json_t **out);
int client_fd(const struct client *c);
/*
 * Sends and waits for the answer; unilateral objects that come before it are kept for client_receive().
 * 0 also when the answer is an error object of the server. -ETIMEDOUT, and as above.
 */
int client_call(struct client *c, json_t *request, int64_t timeout_ms, json_t **answer);
/* is it a push (subscription, log, hrfs-request, hrfs-cancelled), not an answer? */
bool client_is_unilateral(const json_t *object);
