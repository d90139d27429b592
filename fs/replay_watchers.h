/*
 * Who inside the mount watches by inotify, and what: asked of /proc, never of the mount. Watchers in
 * other pid namespaces, and for a daemon without root those of other users, cannot be seen. One thread.
 */
#pragma once
#include "fs/node.h"
#include "fs/settle_open.h"

struct watcher {
	pid_t pid;
	int fd; /* of its inotify instance */
};

struct watchers {
	struct inodes nodes; /* ids of what is watched, sorted */
	struct watcher *who; /* instances with a watch in the mount */
	size_t count, room;
	int64_t seen_ns, cost_ns;	 /* of the last look at everybody: when it began, how long it took. 0: never */
	int64_t known_ns, known_cost_ns; /* of the last look at those who are known, likewise */
};

/*
 * Looks at every process (cost: a few microseconds for each descriptor in the system), or only at the instances that
 * are known already. `device_minor` is the mount's. 0 or -ENOMEM
 */
int watchers_look(struct watchers *w, uint32_t device_minor, bool everybody);
bool watchers_have(const struct watchers *w, node_id id);
void watchers_done(struct watchers *w);
/* The node of a line of /proc/PID/fdinfo/FD that tells of a watch in the mount; 0: it does not */
node_id watchers_parse(const char *line, uint32_t device_minor);
