#include "fs/window_known.h"
#include "core/change.h"
#include <string.h>
#include <time.h>

struct known {
	char job[WRITER_JOB_SIZE]; /* "": free */
	int64_t token;
	struct map names;
};

static struct known all[KNOWN_JOBS_MAX];
static int64_t last_token;

/* no worker gives what one before it has given */
void known_start(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	last_token = t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct known *of(const char *job)
{
	for (size_t i = 0; i < KNOWN_JOBS_MAX; i++)
		if (strcmp(all[i].job, job) == 0)
			return &all[i];
	return NULL;
}

bool known_take(const char *job, int64_t token, struct map *names)
{
	struct known *k = token ? of(job) : NULL;

	if (!k || k->token != token)
		return false;
	*names = k->names;
	*k = (struct known){ 0 };
	return true;
}

static struct known *oldest(void)
{
	struct known *k = &all[0];

	for (size_t i = 1; i < KNOWN_JOBS_MAX; i++)
		if (all[i].token < k->token)
			k = &all[i];
	return k;
}

int64_t known_keep(const char *job, struct map *names)
{
	struct known *k = of(job);

	if (!k)
		k = of("");
	if (!k)
		k = oldest();
	map_done(&k->names);
	*k = (struct known){ .token = ++last_token, .names = *names };
	strncpy(k->job, job, sizeof(k->job) - 1);
	*names = (struct map){ 0 };
	return k->token;
}
