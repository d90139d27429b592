#include "fs/opens.h"
#include "fs/window_caller.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define BYTES_MAX (64UL * 1024 * 1024) /* of paths, of one job */
#define REMEMBERED 8
#define REMEMBER_MS 20

struct opener {
	pid_t pid;	  /* 0: free */
	struct map known; /* path -> bits that have been noted */
	struct opened news;
	size_t bytes;	    /* of known */
	bool lost;	    /* nothing more is noted */
	void (*wake)(void); /* NULL: nobody waits */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct opener openers[OPENS_JOBS_MAX]; /* with lock */
static atomic_int count;
static atomic_uint version; /* counts beginnings and ends */

/* ---- with lock ---- */

static struct opener *find(pid_t job)
{
	for (size_t i = 0; i < OPENS_JOBS_MAX; i++)
		if (openers[i].pid == job)
			return &openers[i];
	return NULL;
}

static bool has_news(const struct opener *o)
{
	return o->news.paths.count || o->news.lost;
}

static void lose(struct opener *o)
{
	if (o->lost)
		return;
	o->lost = o->news.lost = true;
	map_done(&o->known);
}

static void add(struct opener *o, const char *path, unsigned how)
{
	size_t len = strlen(path);
	unsigned was = (unsigned)(uintptr_t)map_get(&o->known, path, len);
	unsigned news;

	if (o->lost || (was & how) == how)
		return;
	news = how | (unsigned)(uintptr_t)map_get(&o->news.paths, path, len);
	if (!was)
		o->bytes += len;
	if (o->known.count >= OPENS_PATHS_MAX || o->bytes > BYTES_MAX ||
	    map_put(&o->known, path, len, (void *)(uintptr_t)(was | how)) < 0 ||
	    map_put(&o->news.paths, path, len, (void *)(uintptr_t)news) < 0)
		lose(o);
}

/* ---- whose thread it is ---- */

/* For some milliseconds: no number of a thread is used again so soon, and what descends from a job does so for good. */
struct remembered {
	pid_t tid, job;
	unsigned version;
	int64_t until_ms;
};

static __thread struct remembered remembered[REMEMBERED];

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static size_t all_jobs(struct caller_job out[static OPENS_JOBS_MAX])
{
	size_t n = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < OPENS_JOBS_MAX; i++)
		if (openers[i].pid)
			out[n++] = (struct caller_job){ .pid = openers[i].pid };
	pthread_mutex_unlock(&lock);
	return n;
}

static pid_t job_of(pid_t tid)
{
	struct remembered *r = &remembered[(unsigned)tid % REMEMBERED];
	struct caller_job jobs[OPENS_JOBS_MAX];
	unsigned as_of = version;

	if (r->tid != tid || r->version != as_of || r->until_ms < now_ms())
		*r = (struct remembered){ tid, caller_descends(tid, jobs, all_jobs(jobs)), as_of, now_ms() + REMEMBER_MS };
	return r->job;
}

/* ---- from outside ---- */

struct noting {
	pid_t job;
	unsigned how;
};

static int note_path(const char *path, void *arg)
{
	const struct noting *n = arg;
	struct opener *o;

	pthread_mutex_lock(&lock);
	o = find(n->job);
	if (o) {
		bool had = has_news(o);

		add(o, path, n->how);
		if (o->wake && !had && has_news(o))
			o->wake();
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

void opens_note(pid_t tid, node_id id, unsigned how)
{
	struct noting n = { .how = how };

	if (!count || tid <= 0)
		return;
	n.job = job_of(tid);
	if (!n.job || caller_is_git(tid))
		return;
	if (node_each_path(id, note_path, &n) != -ENOMEM)
		return;
	pthread_mutex_lock(&lock);
	if (find(n.job))
		lose(find(n.job));
	pthread_mutex_unlock(&lock);
}

int opens_begin(pid_t job)
{
	struct opener *o;
	int r = 0;

	pthread_mutex_lock(&lock);
	o = find(0);
	if (find(job))
		r = -EEXIST;
	else if (!o)
		r = -ENOSPC;
	if (r == 0) {
		*o = (struct opener){ .pid = job };
		count++;
		version++;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

void opens_await(pid_t job, void (*wake)(void))
{
	struct opener *o;

	pthread_mutex_lock(&lock);
	o = find(job);
	if (o) {
		o->wake = wake;
		if (has_news(o))
			wake();
	}
	pthread_mutex_unlock(&lock);
}

bool opens_are_due(pid_t job)
{
	const struct opener *o;
	bool due;

	pthread_mutex_lock(&lock);
	o = find(job);
	due = o && o->wake && has_news(o);
	pthread_mutex_unlock(&lock);
	return due;
}

int opens_take(pid_t job, struct opened *out)
{
	struct opener *o;

	pthread_mutex_lock(&lock);
	o = find(job);
	if (o) {
		*out = o->news;
		o->news = (struct opened){ 0 };
	}
	pthread_mutex_unlock(&lock);
	return o ? 0 : -ENOENT;
}

void opened_done(struct opened *o)
{
	map_done(&o->paths);
}

void opens_end(pid_t job)
{
	struct opener *o;

	pthread_mutex_lock(&lock);
	o = find(job);
	if (o) {
		opened_done(&o->news);
		map_done(&o->known);
		*o = (struct opener){ 0 };
		count--;
		version++;
	}
	pthread_mutex_unlock(&lock);
}
