/*
 * The processes below another one, asked of /proc: a snapshot, which may miss what is forked while it
 * is taken. Blocking reads of /proc only (never of a file system of ours). Any thread.
 */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree_process {
	pid_t pid, parent, group, session;
	char state; /* as in /proc/PID/stat: R, S, D, T (stopped), t (by a debugger), Z … */
	uint64_t start; /* clock ticks after boot: with the pid it names one process for ever */
	char name[64]; /* the kernel's short name of it */
};

struct tree {
	struct tree_process *processes; /* parents before their children; NULL when there is none */
	size_t count;
};

#define AUTO_TREE AUTO_DONE(tree) struct tree

/* one process. 0, -ESRCH (gone), -errno */
int tree_process(pid_t pid, struct tree_process *out);
/* every descendant of root, zombies too, root itself not. 0 or -errno */
int tree_below(pid_t root, struct tree *out);
/* is it a descendant of root, or root itself? false when it is gone */
bool tree_has(pid_t root, pid_t pid);
/* is a process of the tree stopped by a debugger? */
bool tree_traced(const struct tree *t);
/* "COMMAND LINE" of a process in one line of at most 200 bytes, its name when that cannot be read. 0 or -errno */
int tree_command(pid_t pid, struct buf *out);
/* how long it has been there, in milliseconds; -ESRCH */
int64_t tree_age_ms(pid_t pid);
void tree_done(struct tree *t);

/* a line of /proc/PID/stat; the name may hold any byte. 0 or -EINVAL */
int tree_parse_stat(const char *line, struct tree_process *out);
