#include "fs/writer_jobs.h"
#include "core/base/proc.h"
#include "fs/writer.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define JOBS_MAX 256
#define ANCESTORS_MAX 64

struct job {
	pid_t pid; /* 0: free */
	char name[WRITER_JOB_SIZE];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job jobs[JOBS_MAX]; /* with lock */
static size_t count;		  /* with lock: places that were ever used */
static atomic_uint version;

static struct job *find(pid_t pid)
{
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].pid == pid)
			return &jobs[i];
	}
	return NULL;
}

static int add_locked(const char *name, pid_t pid)
{
	struct job *j = find(pid);

	if (!j)
		j = find(0);
	if (!j && count < JOBS_MAX)
		j = &jobs[count++];
	if (!j)
		return -ENOSPC;
	j->pid = pid;
	strncpy(j->name, name, sizeof(j->name) - 1);
	j->name[sizeof(j->name) - 1] = '\0';
	return 0;
}

int writer_job_add(const char *job, pid_t pid)
{
	int r;

	if (pid <= 0 || strlen(job) >= WRITER_JOB_SIZE)
		return -EINVAL;
	pthread_mutex_lock(&lock);
	r = add_locked(job, pid);
	pthread_mutex_unlock(&lock);
	version++;
	return r;
}

void writer_job_remove(const char *job, pid_t pid)
{
	struct job *j;

	pthread_mutex_lock(&lock);
	j = pid > 0 ? find(pid) : NULL;
	if (j && strcmp(j->name, job) == 0)
		j->pid = 0;
	pthread_mutex_unlock(&lock);
	version++;
}

unsigned writer_jobs_version(void)
{
	return version;
}

static bool is_job(pid_t pid, char name[static WRITER_JOB_SIZE])
{
	struct job *j;

	pthread_mutex_lock(&lock);
	j = find(pid);
	if (j)
		memcpy(name, j->name, WRITER_JOB_SIZE);
	pthread_mutex_unlock(&lock);
	return j != NULL;
}

static bool any_jobs(void)
{
	bool any;

	pthread_mutex_lock(&lock);
	any = count > 0;
	pthread_mutex_unlock(&lock);
	return any;
}

void writer_job_of(pid_t pid, char job[static WRITER_JOB_SIZE])
{
	struct proc_stat st;

	memset(job, 0, WRITER_JOB_SIZE);
	if (!any_jobs())
		return;
	for (int i = 0; pid > 1 && i < ANCESTORS_MAX; i++) {
		if (is_job(pid, job) || proc_stat(pid, &st) < 0)
			return;
		pid = st.parent;
	}
}
