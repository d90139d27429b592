/*
 * What one run of a job reads, while it runs: what it opens, told by the mark on its copy of the mount (witness.h) or by
 * the mount where that answers opens, and the names that it asks for, told by the mount for as long as the job has a window there. On the loop's thread;
 * callbacks come from the loop.
 */
#pragma once
#include "core/base/loop.h"
#include "core/json.h"
#include "core/reads_how.h"
#include "supervisor/readset.h"
#include <sys/types.h>

struct link;
struct reads;

struct reads_events {
	/* something that it had not read before, once the window is closed; may be NULL */
	void (*read)(const char *path, unsigned how, void *arg);
	/* once, once the window is closed: from now on not everything is told; may be NULL */
	void (*lost)(void *arg);
};

/* job: pid of hrfs-job. NULL: no memory */
struct reads *reads_new(uv_loop_t *loop, struct link *link, const char *mountpoint, pid_t job,
			const struct reads_events *events, void *arg);
void reads_free(struct reads *r);

/* hrfs-job's group, taken over; -1: there is none, why (copied) says why */
void reads_take_group(struct reads *r, int group, const char *why);
/* the mount's answer to hrfs-job-add: its window is open, or not; opens: and it tells what the job opens, for as long as it runs */
void reads_take_window(struct reads *r, bool open, bool opens);
/* that: hrfs-opened. Before the changes that came after */
void reads_take_opened(struct reads *r, const json_t *told);
/* the mount's worker is another one: what it saw last has not been told */
void reads_cut(struct reads *r);
/*
 * Everything read up to now becomes known, and the names that it asks for are noted no more. done is called once (not
 * after reads_free), from the loop or from inside; again: at once.
 */
void reads_close(struct reads *r, void (*done)(struct reads *r, void *arg), void *arg);

/* what it has opened before this call has been told when it returns */
void reads_catch_up(struct reads *r);

/* what is known so far; whole once closed */
const struct readset *reads_set(const struct reads *r);
/* once closed: nothing of what it read until then is missing */
bool reads_are_whole(const struct reads *r);
/* once closed: the mount need not tell the names of this run again to whoever has them. 0: it must */
int64_t reads_token(const struct reads *r);
/* closed, and what it opens is still told */
bool reads_go_on(const struct reads *r);
enum reads_how reads_how(const struct reads *r);
/* why it is not the best way; NULL: it is */
const char *reads_why(const struct reads *r);
