/* Single processes, asked of /proc. Blocking reads of /proc only (never of a file system of ours). Any thread. */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
	pid_t pid, parent, group, session;
	char state;	/* as in /proc/PID/stat: R, S, D, T (stopped), t (by a debugger), Z … */
	uint64_t start; /* clock ticks after boot: with the pid it names one process for ever */
	uint64_t used;	/* clock ticks of a processor, its own and those of the children that it has waited for */
	char name[64];	/* the kernel's short name of it */
};

/* pid: of a process or thread. 0, -ESRCH (gone), -errno */
int proc_stat(pid_t pid, struct proc_stat *out);
/* the process that a thread belongs to; -ESRCH */
pid_t proc_of_thread(pid_t tid);
/* "COMMAND LINE" in one line of at most 200 bytes, its name when that cannot be read. 0 or -errno */
int proc_command(pid_t pid, struct buf *out);
/* for how long a thread has had a processor, in nanoseconds; -ESRCH (gone, or the kernel has no such count), -errno */
int64_t proc_ran_ns(pid_t tid);
/* Does a thread wait for a FUSE daemon's answer? false also where the kernel does not say it, or not to us. */
bool proc_waits_for_fuse(pid_t tid);
/* how long it has been there, in milliseconds; -ESRCH */
int64_t proc_age_ms(pid_t pid);
/* a line of /proc/PID/stat; the name may hold any byte. 0 or -EINVAL */
int proc_stat_parse(const char *line, struct proc_stat *out);
