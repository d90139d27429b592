#include "fs/writer.h"
#include "core/base/proc.h"
#include "fs/writer_jobs.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#define THREADS 1024
#define YOUNG_NS 2000000000LL
/* who writes is asked before the request's mark is made */
#define BEFORE_MARK_NS 20000000LL
/* In so short a time the number of a thread that has ended does not come to another one. */
#define SAME_THREAD_NS 1000000LL

struct process {
	pid_t pid; /* 0: free */
	pid_t tid; /* of its last request */
	pid_t parent;
	int pidfd; /* -1: there is none, its start time tells */
	uint64_t start;
	uint64_t batch; /* in which the rest was asked */
	unsigned jobs_version;
	bool young;
	int64_t last_ns; /* of its last request */
	char command[WRITER_COMMAND_SIZE];
	char job[WRITER_JOB_SIZE];
};

struct thread { /* which process a thread belongs to; good for one batch */
	pid_t tid, pid;
	size_t place; /* in processes, if its pid is still that */
	uint64_t batch;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct process processes[WRITER_PROCESSES]; /* all with lock */
static struct thread threads[THREADS];
static uint64_t batch = 1;

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static bool pidfd_ended(int pidfd)
{
	struct pollfd p = { pidfd, POLLIN, 0 };

	return poll(&p, 1, 0) > 0;
}

static bool is_young(uint64_t start)
{
	int64_t tick_ns = 1000000000LL / sysconf(_SC_CLK_TCK);

	return clock_ns(CLOCK_BOOTTIME) - (int64_t)start * tick_ns < YOUNG_NS;
}

/* ---- with lock ---- */

static struct process *find(pid_t pid)
{
	for (size_t i = 0; i < WRITER_PROCESSES; i++) {
		if (processes[i].pid == pid)
			return &processes[i];
	}
	return NULL;
}

static void clear(struct process *p)
{
	if (p->pidfd >= 0)
		close(p->pidfd);
	*p = (struct process){ .pidfd = -1 };
}

/* A free place, else one whose process has ended, else the one that has written least lately. */
static struct process *place(void)
{
	struct process *oldest = &processes[0];
	struct process *p = find(0);

	if (p)
		return p;
	for (size_t i = 0; i < WRITER_PROCESSES; i++) {
		p = &processes[i];
		if (p->pidfd >= 0 && pidfd_ended(p->pidfd)) {
			clear(p);
			return p;
		}
		if (p->last_ns < oldest->last_ns)
			oldest = p;
	}
	clear(oldest);
	return oldest;
}

static struct process *process_of(pid_t tid)
{
	const struct thread *t = &threads[(unsigned)tid % THREADS];
	struct process *p = &processes[t->place];

	return t->tid == tid && t->batch == batch && p->pid == t->pid ? p : NULL;
}

static bool has_ended(const struct process *p, pid_t tid, int64_t now_ns)
{
	if (p->pidfd < 0 || (p->tid == tid && now_ns - p->last_ns < SAME_THREAD_NS))
		return false;
	return pidfd_ended(p->pidfd);
}

static bool is_current(const struct process *p, pid_t tid, int64_t now_ns)
{
	return p->batch == batch && p->jobs_version == writer_jobs_version() && !has_ended(p, tid, now_ns);
}

static void tell(const struct process *p, struct writer *out)
{
	out->pid = p->pid;
	memcpy(out->command, p->command, sizeof(out->command));
	memcpy(out->job, p->job, sizeof(out->job));
}

static bool tell_known(pid_t tid, struct writer *out)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	struct process *p = process_of(tid);

	if (!p || !is_current(p, tid, now_ns))
		return false;
	p->last_ns = now_ns;
	p->tid = tid;
	tell(p, out);
	return true;
}

/* What was asked goes in. */
static void enter(struct process *asked, pid_t tid)
{
	struct process *p = find(asked->pid);

	if (p && p->start == asked->start && p->batch == batch)
		asked->young = p->young; /* asked again by another of its threads: its first write counts */
	if (p)
		clear(p);
	else
		p = place();
	*p = *asked;
	threads[(unsigned)tid % THREADS] = (struct thread){ tid, p->pid, (size_t)(p - processes), batch };
}

/* ---- asking ---- */

/* A process's first thread has its number, and only that one can be opened: most callers have no other. */
static pid_t open_process(pid_t tid, int *pidfd)
{
	pid_t pid;

	*pidfd = (int)syscall(SYS_pidfd_open, tid, 0);
	if (*pidfd >= 0)
		return tid;
	pid = proc_of_thread(tid);
	if (pid > 0)
		*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pid;
}

/* False: it is gone already. The caller's request waits for us, so that is another namespace's or a killed one. */
static bool ask(pid_t tid, struct process *out)
{
	struct process p = { .pidfd = -1 };
	struct proc_stat st;

	p.pid = open_process(tid, &p.pidfd);
	if (p.pid <= 0 || proc_stat(p.pid, &st) < 0) {
		if (p.pidfd >= 0)
			close(p.pidfd);
		return false;
	}
	p.tid = tid;
	p.parent = st.parent;
	p.start = st.start;
	p.young = is_young(st.start);
	memcpy(p.command, st.name, sizeof(p.command) - 1);
	p.jobs_version = writer_jobs_version();
	writer_job_of(p.pid, p.job);
	p.last_ns = clock_ns(CLOCK_MONOTONIC);
	*out = p;
	return true;
}

bool writer_of(pid_t tid, struct writer *out)
{
	struct process asked;
	bool known;

	if (tid <= 0)
		return false;
	pthread_mutex_lock(&lock);
	known = tell_known(tid, out);
	asked.batch = batch;
	pthread_mutex_unlock(&lock);
	if (known)
		return true;
	if (!ask(tid, &asked))
		return false;
	tell(&asked, out);
	pthread_mutex_lock(&lock);
	asked.batch = batch;
	enter(&asked, tid);
	pthread_mutex_unlock(&lock);
	return true;
}

void writer_wrote_back(pid_t pid)
{
	struct process *p;

	pthread_mutex_lock(&lock);
	p = find(pid);
	if (p) {
		p->young = is_young(p->start);
		p->last_ns = clock_ns(CLOCK_MONOTONIC);
	}
	pthread_mutex_unlock(&lock);
}

/* ---- for the settler ---- */

size_t writer_list(int64_t since_ns, struct writer_process out[static WRITER_PROCESSES])
{
	size_t n = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WRITER_PROCESSES; i++) {
		struct process *p = &processes[i];

		if (!p->pid || p->last_ns + BEFORE_MARK_NS < since_ns)
			continue;
		out[n++] = (struct writer_process){
			.pid = p->pid,
			.tid = p->tid,
			.parent = p->parent,
			.ended = p->pidfd >= 0 && pidfd_ended(p->pidfd),
			.pidfd = p->pidfd < 0 ? -1 : fcntl(p->pidfd, F_DUPFD_CLOEXEC, 0),
			.young = p->young,
			.last_ns = p->last_ns,
		};
	}
	pthread_mutex_unlock(&lock);
	return n;
}

bool writer_is_short_lived_and_runs(pid_t pid)
{
	struct process *p;
	bool answer;

	pthread_mutex_lock(&lock);
	p = pid > 0 ? find(pid) : NULL;
	answer = p && p->young && p->pidfd >= 0 && !pidfd_ended(p->pidfd);
	pthread_mutex_unlock(&lock);
	return answer;
}

/* Descriptors of the dead are let go of here: nobody else looks. */
void writer_next_batch(void)
{
	pthread_mutex_lock(&lock);
	batch++;
	for (size_t i = 0; i < WRITER_PROCESSES; i++) {
		if (processes[i].pid && processes[i].pidfd >= 0 && pidfd_ended(processes[i].pidfd))
			clear(&processes[i]);
	}
	pthread_mutex_unlock(&lock);
}
