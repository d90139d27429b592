/*
 * Replay: changes made behind the mount, told to programs inside it that know only inotify.
 *
 * The kernel makes inotify events of system calls alone. So a helper (fs/replay_helper.h) does the
 * matching call through the mount for each change in a directory, or of a file, that somebody watches,
 * and the server, which knows the helper by its pid, answers without touching the lower
 * (fs/replay_answer.c). The observer never hears of it. An echo that fails is logged and harmless.
 */
#pragma once
#include "core/json.h"
#include "fs/foreign.h"

enum replay_mode {
	REPLAY_AUTO,   /* where /proc shows somebody who watches */
	REPLAY_ALWAYS, /* also for watchers that cannot be seen: of other users, in other containers */
	REPLAY_NEVER,
};

/* control: the socket to the keeper, borrowed. 0 or -errno. The main thread, as the next two */
int replay_start(enum replay_mode mode, int control);
/* a socket connected to a helper, taken over; -1: there will be none any more. Also before replay_start() */
void replay_use_helper(int fd);
void replay_stop(void);

/*
 * Echoes the change, soon. Any thread, never waits. In the order of the changes; before the node table
 * gives up the names of this one, and after what the kernel has cached of it is on its way out.
 */
void replay_change(const struct foreign_change *c);

/* A request thread asks: is what it has read the helper's? true: it has been answered. */
bool replay_serve(void);
/* for the mount's status; the caller's */
json_t *replay_status(void);
