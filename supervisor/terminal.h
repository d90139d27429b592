/*
 * hrfs's own terminal: signals that ask hrfs to end, keys, lending it to a service in the foreground,
 * and its settings, which are as they were whenever hrfs or that service does not use it.
 * Works without a terminal too (signals only). One for a process, on the loop's thread.
 */
#pragma once
#include "core/base/loop.h"
#include <stdbool.h>
#include <sys/types.h>

struct terminal;

enum terminal_key { TERMINAL_RELOAD, TERMINAL_PAUSE, TERMINAL_WHY, TERMINAL_QUIT, TERMINAL_HELP };

struct terminal_events {
	/*
	 * Ctrl-C, SIGTERM, SIGHUP, SIGQUIT to hrfs, or Ctrl-C to the service that has the terminal: end
	 * all, by grace; at_once: it is the second time. sig: SIGINT…
	 */
	void (*stop)(int sig, bool at_once, void *arg);
	/* a key of the keys mode; may be NULL */
	void (*key)(enum terminal_key key, void *arg);
	/* another size; may be NULL (process.c's own pseudo-terminals follow by themselves) */
	void (*resized)(void *arg);
};

/* keys: read Enter, p, w, q from standard input where that is a terminal. 0 or -errno */
int terminal_new(uv_loop_t *loop, const struct terminal_events *events, bool keys, void *arg, struct terminal **out);
/* settings and foreground process group are as they were before terminal_new */
void terminal_free(struct terminal *t);
/* standard input and error are a terminal and hrfs is in its foreground: a service may have it */
bool terminal_present(const struct terminal *t);

/* For process.c. Keys are not read while the terminal is lent. */
int terminal_fd(const struct terminal *t); /* -1: none; stays the terminal's */
/* the job's process group becomes the foreground; of several the last one */
void terminal_lend(struct terminal *t, pid_t group);
/* the job is gone: take the foreground and the settings back, unless another one has them */
void terminal_return(struct terminal *t, pid_t group);
/* hrfs-job saw Ctrl-C (SIGINT), Ctrl-\ (SIGQUIT), Ctrl-Z (SIGTSTP) or the terminal's end (SIGHUP) */
void terminal_job_signal(struct terminal *t, int sig);
/* called for each resize; one listener for each pseudo-terminal. NULL: no memory */
struct terminal_resize;
struct terminal_resize *terminal_on_resize(struct terminal *t, void (*resized)(void *arg), void *arg);
void terminal_off_resize(struct terminal_resize *r);
