/* Starting the daemon of a mount, hrfs-fs, and the supervisor of its services. One thread. */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"
#include "core/json.h"
#include <stdbool.h>
#include <sys/types.h>

struct launch {
	const char *source, *mountpoint;
	const struct strv *options; /* words of -o, each perhaps with commas */
	bool foreground;	    /* stay in this session, log to standard error */
	int lifeline;		    /* read end of a pipe, or -1; stays the caller's */
};

/*
 * Starts it and waits until the mount answers. *ready: what it said (the caller's). *pid: of the
 * keeper, a child of this process. 0; -errno: *error says why, in the daemon's words.
 */
int launch_daemon(const struct launch *l, json_t **ready, pid_t *pid, struct buf *error);

struct launch_mount {
	const char *socket, *mountpoint, *source;
	const char *device; /* "0:57", or NULL */
};

/* the supervisor's path and what it must know of the mount. 0, -ENOENT (*error names what is missing), -ENOMEM */
int launch_supervisor_argv(const struct launch_mount *m, struct strv *argv, struct buf *error);
/* an option and its value. 0 or -ENOMEM */
int launch_add_pair(struct strv *argv, const char *option, const char *value);
/* "--" and the command; command NULL: nothing */
int launch_add_command(struct strv *argv, char *const *command);
/* Starts a detached one and waits for its ready line, as above. argv: grows. */
int launch_supervisor(struct strv *argv, char *const *command, json_t **ready, struct buf *error);
