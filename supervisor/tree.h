/*
 * The processes below another one, asked of /proc: a snapshot, which may miss what is forked while it
 * is taken. Blocking reads of /proc only (never of a file system of ours). Any thread.
 */
#pragma once
#include "core/base/proc.h"
#include <stdbool.h>
#include <stddef.h>

struct tree {
	struct proc_stat *processes; /* parents before their children; NULL when there is none */
	size_t count;
};

#define AUTO_TREE AUTO_DONE(tree) struct tree

/* every descendant of root, zombies too, root itself not: a walk over all of /proc. 0 or -errno */
int tree_below(pid_t root, struct tree *out);
/* the same from the kernel's own lists of children: cheap, but a child may be missed while its siblings end */
int tree_below_quick(pid_t root, struct tree *out);
/* is it a descendant of root, or root itself? false when it is gone */
bool tree_has(pid_t root, pid_t pid);
/* is a process of the tree stopped by a debugger? */
bool tree_traced(const struct tree *t);
/* a signal to this process and to no later one that got its pid. 0, -ESRCH, -EPERM, -errno */
int tree_signal(const struct proc_stat *p, int sig);
void tree_done(struct tree *t);
