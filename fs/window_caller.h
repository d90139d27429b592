/* Which window's job a thread belongs to. Blocking reads of /proc. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct caller_job {
	pid_t pid;	    /* of hrfs-job */
	uint64_t namespace; /* its mount namespace; 0: not asked yet */
	bool shared;	    /* that is the mount's own: it has none for itself */
};

struct caller_found {
	pid_t job; /* 0: none of them */
	pid_t pid; /* of a git process */
	bool git, asked_ancestors;
	uint64_t namespace; /* of the thread; 0: cannot be seen */
};

/* 0: it may not be looked into, or is gone */
uint64_t caller_namespace(pid_t tid);
/* the one of them that the thread is or descends from; 0: none */
pid_t caller_descends(pid_t tid, const struct caller_job *jobs, size_t count);
bool caller_is_git(pid_t tid);
void caller_find(pid_t tid, const struct caller_job *jobs, size_t count, struct caller_found *out);
