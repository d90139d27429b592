#include "fs/window.h"
#include "core/base/buf.h"
#include "fs/believe.h"
#include "fs/ops.h"
#include "fs/window_caller.h"
#include "fs/window_known.h"
#include "fs/window_negative.h"
#include "fs/window_parts.h"
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
#define ENTERED_MAX 100 /* directories that the kernel knew, in one window */

struct window {
	struct caller_job job; /* pid 0: free */
	char name[WRITER_JOB_SIZE];
	bool again;	  /* known is what whoever asks for the names has already */
	struct map known; /* path -> bits, of all windows of this name; without what only others asked for */
	struct window_names noted;
	size_t bytes;
	unsigned entered;
};

/* who answers holds it to read, for as long as deciding and answering takes; who opens a window waits for those */
static pthread_rwlock_t answering = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* inside table_lock */
static struct window windows[WINDOWS_MAX];		 /* with lock */
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
	known_start();
	negative_start(first);
	if (!first)
		kernel_inherit();
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

static unsigned bits_of(const struct window *w, const char *path, size_t len)
{
	unsigned noted = (unsigned)(uintptr_t)map_get(&w->noted.names, path, len);

	return noted | (unsigned)(uintptr_t)map_get(&w->known, path, len);
}

/* may it ask for the name without asking for the directory first? */
static bool is_inside(const struct window *w, const char *path, size_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return !len || bits_of(w, path, len - 1);
}

/* nobody need be seen when he asks for it, for the sake of this window */
static bool is_settled(const struct window *w, const char *path, size_t len, unsigned settles)
{
	return (bits_of(w, path, len) & settles) || (w->again && !is_inside(w, path, len));
}

static bool is_settled_in_all(const char *path, size_t len, unsigned settles)
{
	for (size_t i = 0; i < WINDOWS_MAX; i++)
		if (windows[i].job.pid && !is_settled(&windows[i], path, len, settles))
			return false;
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

int window_open(pid_t job, const char *name, int64_t token)
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
		strncpy(w->name, name, sizeof(w->name) - 1);
		w->again = known_take(name, token, &w->known);
		open_count++;
		version++;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

/* and the directories on the way there, where it may stand without having asked for them */
static void know(struct window *w, const char *path, size_t len, uintptr_t bits)
{
	uintptr_t was = (uintptr_t)map_get(&w->known, path, len);

	while ((was || w->known.count < WINDOW_NAMES_MAX) && (was & bits) != bits) {
		if (map_put(&w->known, path, len, (void *)(was | bits)) < 0)
			return;
		bits = WINDOW_OWN;
		while (len && path[len - 1] != '/')
			len--;
		if (!len)
			return;
		was = (uintptr_t)map_get(&w->known, path, --len);
	}
}

/*
 * What is taken is known from now on. What does not fit is asked for once more; so is what the job has made, which
 * whoever takes it does not count as read.
 */
static void learn(struct window *w)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&w->noted.names, e))) {
		uintptr_t bits = (uintptr_t)e->value;

		if (bits & WINDOW_MADE)
			map_remove(&w->known, e->key, e->key_len);
		else if (bits & WINDOW_OWN)
			know(w, e->key, e->key_len, bits);
	}
}

int window_take(pid_t job, bool close, struct window_names *out)
{
	struct window *w;

	pthread_mutex_lock(&lock);
	w = find(job);
	if (w) {
		learn(w);
		*out = w->noted;
		w->noted = (struct window_names){ .whole = true };
		w->bytes = 0;
		if (close) {
			out->token = known_keep(w->name, &w->known);
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

bool window_is_doubtful(pid_t job, const struct buf *path, unsigned settles)
{
	const struct window *w;
	bool doubtful;

	pthread_mutex_lock(&lock);
	w = find(job);
	doubtful = w && !is_settled(w, buf_str(path), path->len, settles);
	pthread_mutex_unlock(&lock);
	return doubtful;
}

/* for as long as they are open */
static void none_is_whole(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WINDOWS_MAX; i++)
		windows[i].noted.whole = false;
	pthread_mutex_unlock(&lock);
}

static int64_t longest_ms(void)
{
	return (int64_t)(believe_for(shared->config.long_cache) * 1000) + 10;
}

/* What a worker before this one has answered for a short time nobody remembers: until that is over. */
static void wait_for_older(void)
{
	int64_t passed = now_ms() - started_ms, left = NEGATIVE_SHORT_MS - passed;
	struct timespec t = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };

	if (!is_first && left > 0)
		nanosleep(&t, NULL);
	if (negative_is_whole())
		return;
	/* positive names are expired all, of negative ones some may be missed */
	if (passed < longest_ms())
		none_is_whole();
	else
		negative_set_whole();
}

/* what was answered before has ended by itself */
static int64_t oldest_answer_ms(void)
{
	int64_t since_ms = now_ms() - longest_ms();

	return !is_first && started_ms > since_ms ? 0 : since_ms;
}

void window_expire(pid_t job)
{
	/* answers that were decided on before are given, and what they said is noted */
	pthread_rwlock_wrlock(&answering);
	pthread_rwlock_unlock(&answering);
	if (!recent_wait())
		none_is_whole();
	wait_for_older();
	kernel_expire(job, oldest_answer_ms());
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
		remembered[(unsigned)tid % REMEMBERED] =
			(struct remembered){ tid, as_of, now_ms() + REMEMBER_MS, *who };
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

struct asking {
	const struct window_caller *who;
	node_id dir;
	const char *name; /* NULL: the directory itself, which is listed */
	unsigned how;
	double timeout_s; /* for which a name that is absent is to be kept */
	bool enters;	  /* out: the job gets to where it has not been seen before */
	bool stands;	  /* out: and stands there already */
};

static void see_way(struct asking *a, const struct window *w, const struct buf *path)
{
	if (!w->again)
		return;
	a->stands = a->name && !is_inside(w, buf_str(path), path->len);
	a->enters = a->stands || !(bits_of(w, buf_str(path), path->len) & IS_THERE);
}

/* notes it where the caller is a job's, and answers whether the kernel may keep it */
static bool take(struct asking *a)
{
	AUTO_BUF path = { 0 };
	bool keep = false;
	struct window *w;
	int r = path_of(a->dir, a->name, &path);

	pthread_mutex_lock(&lock);
	w = window_of(a->who);
	if (w && r < 0)
		w->noted.whole = w->noted.whole && r != -ENOMEM;
	if (w && r == 0) {
		see_way(a, w, &path);
		note(w, buf_str(&path), path.len, a->how | WINDOW_OWN);
	}
	if (r == 0)
		keep = is_settled_in_all(buf_str(&path), path.len, a->how & WINDOW_ABSENT ? IS_ABSENT : IS_THERE);
	/* before anybody can be seen to get here */
	if (keep && (a->how & WINDOW_ABSENT))
		keep = negative_note(a->dir, a->name, a->timeout_s);
	pthread_mutex_unlock(&lock);
	return keep;
}

/*
 * A directory that anybody has asked for counts as asked for by all: that matters only when it goes, and whoever walks
 * through directories need not ask for each on every way. Not where the kernel may know what is in it.
 */
static void found_directory(node_id dir, const char *name)
{
	AUTO_BUF path = { 0 };

	if (path_of(dir, name, &path) < 0)
		return;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WINDOWS_MAX; i++)
		if (windows[i].job.pid && !windows[i].again)
			note(&windows[i], buf_str(&path), path.len, WINDOW_FOUND);
	pthread_mutex_unlock(&lock);
}

/* ---- where a job has not been before ---- */

void window_note(pid_t job, const struct buf *path, unsigned how)
{
	struct window *w;

	pthread_mutex_lock(&lock);
	w = find(job);
	if (w)
		note(w, buf_str(path), path->len, how | WINDOW_OWN);
	pthread_mutex_unlock(&lock);
}

/* false: it has been in too many already, so that nobody says what it reads */
static bool may_enter(pid_t job)
{
	struct window *w;
	bool may;

	pthread_mutex_lock(&lock);
	w = find(job);
	may = w && ++w->entered <= ENTERED_MAX;
	if (w && !may)
		w->noted.whole = false;
	pthread_mutex_unlock(&lock);
	return may;
}

bool window_asked(const struct window_caller *who, node_id dir, const char *name, bool absent, bool directory,
		  double timeout_s)
{
	struct asking a = { .who = who, .dir = dir, .name = name, .timeout_s = timeout_s };
	bool keep;
	node_id id;

	a.how = absent ? WINDOW_ABSENT : WINDOW_FOUND;
	if (!absent)
		recent_answer(who->tid);
	if (!open_count)
		return !absent || negative_note(dir, name, a.timeout_s);
	if (directory && !absent)
		found_directory(dir, name);
	keep = take(&a);
	id = a.stands ? dir : a.enters && directory && !absent ? node_child(dir, name) : 0;
	if (id && (a.stands || !kernel_has_just_met(id)) && may_enter(who->job))
		kernel_enter(who->job, id, oldest_answer_ms());
	return keep;
}

void window_made(const struct window_caller *who, node_id dir, const char *name)
{
	struct asking a = { .who = who, .dir = dir, .name = name, .how = WINDOW_MADE };

	if (who->job && open_count)
		take(&a);
}

void window_renamed(node_id dir, const char *name, node_id new_dir, const char *new_name, bool directory)
{
	AUTO_BUF from = { 0 };
	AUTO_BUF to = { 0 };
	bool kept;

	if (!open_count || node_child_path(dir, name, &from) < 0 || node_child_path(new_dir, new_name, &to) < 0)
		return;
	pthread_mutex_lock(&lock);
	kept = is_settled_in_all(buf_str(&from), from.len, IS_THERE);
	for (size_t i = 0; kept && i < WINDOWS_MAX; i++) {
		struct window *w = &windows[i];

		if (!w->job.pid || is_settled(w, buf_str(&to), to.len, IS_THERE))
			continue;
		note(w, buf_str(&to), to.len, WINDOW_FOUND | WINDOW_OWN);
		w->noted.whole = w->noted.whole && !directory;
	}
	pthread_mutex_unlock(&lock);
}

bool window_listed(const struct window_caller *who, node_id dir)
{
	struct asking a = { .who = who, .dir = dir, .how = WINDOW_LISTED };

	if (!open_count)
		return true;
	if (who->job)
		take(&a);
	return false;
}
