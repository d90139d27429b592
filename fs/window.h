/*
 * Windows: while one is open it is noted which names its job asks for, found or not, and which directories it lists.
 * The kernel asks for a name only when it does not know it, so what it knew before a window is told to be doubtful,
 * and while one is open an answer is good for later only when the name is noted for every open window already: the
 * jobs pay for the first time that they ask for a name, and others for each.
 *
 * What a job has asked for in windows before need not be seen again, if whoever asks for the names has kept them: he says
 * so by the token that came with them. Then only the directories that the job has looked into are doubtful, and of those
 * only the names that are not known yet. To get into another directory the job asks for a name in one of these, and what
 * the kernel knows there at that moment counts as asked for.
 *
 * A job is a process (hrfs-job) and what descends from it; its git processes, which look at everything, are not taken
 * for it. Request threads and the server's pool; locks of its own that are never held during a system call on the lower.
 */
#pragma once
#include "core/base/map.h"
#include "fs/node.h"
#include <stdbool.h>
#include <sys/types.h>

#define WINDOWS_MAX 64
#define WINDOW_NAMES_MAX 200000

enum window_how { /* bits of what was noted of a path */
	WINDOW_FOUND = 1,
	WINDOW_ABSENT = 2,
	WINDOW_LISTED = 4,
	WINDOW_MADE = 8,   /* the job itself has made this name */
	WINDOW_OWN = 16,   /* it was the job that asked, not somebody on his way */
};

struct window_names {
	struct map names; /* path -> bits as a pointer */
	pid_t *git;	  /* processes of git among the job's */
	size_t git_count;
	int64_t token; /* of all that the job has been seen to ask for */
	bool whole;  /* nothing has been left out */
	bool nested; /* some of it runs in a mount namespace that the job has made */
};

/* first: no worker has answered before this one, so that the kernel knows nothing that is not known here */
void window_start(bool first);

/* ---- for the server ---- */

/*
 * name: of the job, as it was called in windows before; token: of what is known from those, 0 for nothing. 0, -EEXIST,
 * -ENOSPC. Then window_expire()
 */
int window_open(pid_t job, const char *name, int64_t token);
/* Returns when the kernel has been told that what it knows is doubtful. Blocks; not on a request thread, nor the loop */
void window_expire(pid_t job);
/* What has been noted so far is moved out; close: and nothing more will be. The caller calls window_names_done. -ENOENT */
int window_take(pid_t job, bool close, struct window_names *out);
void window_names_done(struct window_names *n);

/* ---- for the operations: between begin and end the answer is decided on and given ---- */

struct window_caller {
	int count;  /* of windows that were open when it was asked; 0: the rest is not filled in */
	pid_t tid;
	pid_t job;  /* 0: of none that has a window */
	pid_t pid;  /* git's */
	bool git, nested;
};

/* Who asks: reads /proc, while the caller waits. Before begin */
void window_who(pid_t tid, struct window_caller *out);
void window_answer_begin(void);
void window_answer_end(void);
/* a name was asked for; absent: it is not there, and will be believed so for timeout_s; directory: it is one. May the kernel keep the answer? */
bool window_asked(const struct window_caller *who, node_id dir, const char *name, bool absent, bool directory, double timeout_s);
/* the caller has made this name */
void window_made(const struct window_caller *who, node_id dir, const char *name);
/*
 * Before the reply. What the kernel keeps of the old name it keeps of the new one, and nobody is seen to ask for it: it
 * counts as asked for. directory: it is one, and nobody knows what is asked for in it
 */
void window_renamed(node_id dir, const char *name, node_id new_dir, const char *new_name, bool directory);
/* a listing; false: the kernel may keep of its entries only those that window_asked() allows, by a caller of no job */
bool window_listed(const struct window_caller *who, node_id dir);
