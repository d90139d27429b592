#include "fs/window.h"
#include "core/base/buf.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/table.h"
#include "fs/window_caller.h"
#include "fs/window_negative.h"
#include "fs/window_recent.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define GIT_MAX 4096
#define BYTES_MAX (64UL * 1024 * 1024) /* of names, in one window */
#define REMEMBERED 8
#define REMEMBER_MS 20
#define AT_ONCE 1000		       /* nodes that are looked at under one lock */

struct window {
	struct caller_job job; /* pid 0: free */
	struct window_names noted;
	size_t bytes;
};

/* who answers holds it to read, for as long as deciding and answering takes; who opens a window waits for those */
static pthread_rwlock_t answering = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct window windows[WINDOWS_MAX]; /* with lock */
static atomic_int open_count;
static atomic_uint version; /* counts openings and closings */
static bool is_first;
static int64_t started_ms;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void window_start(bool first)
{
	is_first = first;
	started_ms = now_ms();
}

/* ---- with lock ---- */

static struct window *find(pid_t job)
{
	for (size_t i = 0; job && i < WINDOWS_MAX; i++)
		if (windows[i].job.pid == job)
			return &windows[i];
	return NULL;
}

static void note(struct window *w, const char *path, size_t len, unsigned how)
{
	uintptr_t was = (uintptr_t)map_get(&w->noted.names, path, len);

	if (!was && (w->noted.names.count >= WINDOW_NAMES_MAX || w->bytes > BYTES_MAX)) {
		w->noted.whole = false;
		return;
	}
	if (map_put(&w->noted.names, path, len, (void *)(was | how)) < 0)
		w->noted.whole = false;
	else if (!was)
		w->bytes += len;
}

static void note_git(struct window *w, pid_t pid)
{
	struct window_names *n = &w->noted;
	pid_t *more;

	for (size_t i = 0; i < n->git_count; i++)
		if (n->git[i] == pid)
			return;
	more = n->git_count < GIT_MAX ? reallocarray(n->git, n->git_count + 1, sizeof(*more)) : NULL;
	if (!more)
		return; /* it counts as the job's: too much is read */
	n->git = more;
	n->git[n->git_count++] = pid;
}

/* is it noted in all of them that the name was asked for? */
static bool is_known_to_all(const char *path, size_t len)
{
	for (size_t i = 0; i < WINDOWS_MAX; i++) {
		uintptr_t how;

		if (!windows[i].job.pid)
			continue;
		how = (uintptr_t)map_get(&windows[i].noted.names, path, len);
		if (!(how & (WINDOW_FOUND | WINDOW_ABSENT | WINDOW_MADE)))
			return false;
	}
	return true;
}

/* ---- opening and closing ---- */

static struct window *free_place(void)
{
	for (size_t i = 0; i < WINDOWS_MAX; i++)
		if (!windows[i].job.pid)
			return &windows[i];
	return NULL;
}

int window_open(pid_t job)
{
	struct window *w;
	int r = 0;

	pthread_mutex_lock(&lock);
	w = free_place();
	if (find(job))
		r = -EEXIST;
	else if (!w)
		r = -ENOSPC;
	if (r == 0) {
		*w = (struct window){ .job.pid = job, .noted.whole = true };
		open_count++;
		version++;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

int window_take(pid_t job, bool close, struct window_names *out)
{
	struct window *w;

	pthread_mutex_lock(&lock);
	w = find(job);
	if (w) {
		*out = w->noted;
		w->noted = (struct window_names){ .whole = true };
		w->bytes = 0;
		if (close) {
			*w = (struct window){ 0 };
			open_count--;
			version++;
		}
	}
	pthread_mutex_unlock(&lock);
	return w ? 0 : -ENOENT;
}

void window_names_done(struct window_names *n)
{
	map_done(&n->names);
	free(n->git);
	*n = (struct window_names){ 0 };
}

/* ---- what the kernel knew before ---- */

static void expire_names(const struct node *n)
{
	for (uint32_t r = n->names; r; r = table_name(r)->next_of_node)
		notify_expire(table_id(table_at(table_name(r)->dir)), table_name(r)->text);
}

/* from this index on; the next one, 0 at the end */
static uint32_t expire_some(uint32_t after, int64_t since_ms)
{
	pthread_mutex_lock(&table_lock);
	for (int i = 0; i < AT_ONCE && (after = table_next(after)); i++) {
		struct local *l = table_local(after);
		struct node *n = table_at(after);

		if (l->answered_ms >= since_ms)
			expire_names(n);
		if (l->listed)
			notify_invalidate(table_id(n));
		l->listed = false;
	}
	pthread_mutex_unlock(&table_lock);
	return after;
}

/* for as long as they are open */
static void none_is_whole(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WINDOWS_MAX; i++)
		windows[i].noted.whole = false;
	pthread_mutex_unlock(&lock);
}

/* a worker before this one has answered what nobody remembers: for as long as that may be good */
static void wait_for_older(int64_t timeout_ms)
{
	int64_t left = started_ms + timeout_ms - now_ms();
	struct timespec t = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };

	if (is_first || left <= 0)
		return;
	if (timeout_ms <= 1000) {
		nanosleep(&t, NULL);
		return;
	}
	/* a day: positive names are expired all, of negative ones some may be missed */
	none_is_whole();
}

void window_expire(void)
{
	int64_t timeout_ms = (int64_t)(ops_options.timeout_s * 1000) + 10;
	int64_t since_ms = now_ms() - timeout_ms;
	uint32_t at = 0;

	/* answers that were decided on before are given, and what they said is noted */
	pthread_rwlock_wrlock(&answering);
	pthread_rwlock_unlock(&answering);
	if (!recent_wait())
		none_is_whole();
	wait_for_older(timeout_ms);
	if (!is_first && started_ms > since_ms)
		since_ms = 0;
	do
		at = expire_some(at, since_ms);
	while (at);
	negative_each(notify_expire);
	notify_flush();
}

/* ---- answers ---- */

static size_t open_jobs(struct caller_job out[static WINDOWS_MAX])
{
	size_t count = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WINDOWS_MAX; i++)
		if (windows[i].job.pid)
			out[count++] = windows[i].job;
	pthread_mutex_unlock(&lock);
	return count;
}

/* Where hrfs-job lives is asked for once something of it asks: by then it has made what it makes. */
static void take_namespace(pid_t job, struct window_caller *out, uint64_t namespace)
{
	uint64_t its = caller_namespace(job), ours = caller_namespace(getpid());
	struct window *w;

	pthread_mutex_lock(&lock);
	w = find(job);
	if (w && its) {
		w->job.namespace = its;
		w->job.shared = its == ours;
	}
	pthread_mutex_unlock(&lock);
	/* by another way into the mount than the job's own: no mark tells of it */
	out->nested = its != namespace;
}

/*
 * A thread that asks for one name after the other is looked at once in a while: one that is of no job, or of git. No
 * number of a thread is used again so soon, and neither becomes anything else.
 */
struct remembered {
	pid_t tid;
	unsigned version;
	int64_t until_ms;
	struct window_caller who;
};

static __thread struct remembered remembered[REMEMBERED];

static bool recall(pid_t tid, struct window_caller *out)
{
	const struct remembered *r = &remembered[(unsigned)tid % REMEMBERED];

	if (r->tid != tid || r->version != version || r->until_ms < now_ms())
		return false;
	*out = r->who;
	return true;
}

static void remember(pid_t tid, unsigned as_of, const struct window_caller *who)
{
	if (!who->job || who->git)
		remembered[(unsigned)tid % REMEMBERED] = (struct remembered){ tid, as_of, now_ms() + REMEMBER_MS, *who };
}

void window_who(pid_t tid, struct window_caller *out)
{
	struct caller_job jobs[WINDOWS_MAX];
	struct caller_found found;
	unsigned as_of = version;

	*out = (struct window_caller){ .count = open_count, .tid = tid };
	if (!out->count || tid <= 0 || recall(tid, out))
		return;
	out->count = (int)open_jobs(jobs);
	caller_find(tid, jobs, (size_t)out->count, &found);
	out->job = found.job;
	out->git = found.git;
	out->pid = found.pid;
	if (found.job && found.asked_ancestors)
		take_namespace(found.job, out, found.namespace);
	remember(tid, as_of, out);
}

void window_answer_begin(void)
{
	pthread_rwlock_rdlock(&answering);
}

void window_answer_end(void)
{
	pthread_rwlock_unlock(&answering);
}

/* with lock; NULL: nothing is to be noted */
static struct window *window_of(const struct window_caller *who)
{
	struct window *w = find(who->job);

	if (!w)
		return NULL;
	w->noted.nested = w->noted.nested || who->nested;
	if (!who->git)
		return w;
	note_git(w, who->pid);
	return NULL;
}

static int path_of(node_id dir, const char *name, struct buf *out)
{
	return name ? node_child_path(dir, name, out) : node_path(dir, out);
}

/* notes it where the caller is a job's, and answers whether the kernel may keep it */
static bool take(const struct window_caller *who, node_id dir, const char *name, unsigned how)
{
	AUTO_BUF path = { 0 };
	bool known = false;
	struct window *w;
	int r = path_of(dir, name, &path);

	pthread_mutex_lock(&lock);
	w = window_of(who);
	if (w && r < 0)
		w->noted.whole = w->noted.whole && r != -ENOMEM;
	if (w && r == 0)
		note(w, buf_str(&path), path.len, how);
	if (r == 0)
		known = is_known_to_all(buf_str(&path), path.len);
	pthread_mutex_unlock(&lock);
	return known;
}

/*
 * A directory that anybody has asked for counts as asked for by all: that matters only when it goes, and whoever walks
 * through directories need not ask for each on every way.
 */
static void found_directory(node_id dir, const char *name)
{
	AUTO_BUF path = { 0 };

	if (path_of(dir, name, &path) < 0)
		return;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WINDOWS_MAX; i++)
		if (windows[i].job.pid)
			note(&windows[i], buf_str(&path), path.len, WINDOW_FOUND);
	pthread_mutex_unlock(&lock);
}

bool window_asked(const struct window_caller *who, node_id dir, const char *name, bool absent, bool directory)
{
	bool keep;

	if (!absent)
		recent_answer(who->tid);
	if (open_count && directory && !absent)
		found_directory(dir, name);
	keep = !open_count || take(who, dir, name, absent ? WINDOW_ABSENT : WINDOW_FOUND);

	return keep && (!absent || negative_note(dir, name, ops_options.timeout_s));
}

void window_made(const struct window_caller *who, node_id dir, const char *name)
{
	if (who->job && open_count)
		take(who, dir, name, WINDOW_MADE);
}

bool window_listed(const struct window_caller *who, node_id dir)
{
	if (!open_count)
		return true;
	if (who->job)
		take(who, dir, NULL, WINDOW_LISTED);
	return false;
}
