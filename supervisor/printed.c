#include "supervisor/printed.h"
#include "core/base/cleanup.h"
#include "core/base/path.h"
#include "core/base/strv.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPES_MAX 16 /* of a pipeline; and it may have the ends of others */

struct search {
	const char *mountpoint, *source;
	struct strv names;	   /* relative to the tree's root */
	char pipes[PIPES_MAX][32]; /* "pipe:[N]": where output goes */
	size_t pipe_count;
};

static bool is_wanted_pipe(const struct search *s, const char *target)
{
	for (size_t i = 0; i < s->pipe_count; i++) {
		if (strcmp(s->pipes[i], target) == 0)
			return true;
	}
	return false;
}

static void add_pipe(struct search *s, const char *target)
{
	if (s->pipe_count < PIPES_MAX && strlen(target) < sizeof(s->pipes[0]) && !is_wanted_pipe(s, target))
		strcpy(s->pipes[s->pipe_count++], target);
}

static const char *below(const char *path, const char *dir)
{
	return path_is_below(path, dir) ? path + strlen(dir) + (dir[1] ? 1 : 0) : NULL;
}

static void add_file(struct search *s, const char *path)
{
	const char *name = below(path, s->mountpoint);

	if (!name)
		name = below(path, s->source);
	if (name)
		strv_add(&s->names, name);
}

static bool is_for_writing(const char *pid, const char *fd)
{
	char path[320], line[128];
	unsigned flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	}
	if (f)
		fclose(f);
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* a descriptor's text; "" when there is none */
static const char *target_of(const char *pid, const char *fd, char target[static PATH_MAX])
{
	char path[320];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, fd);
	n = readlink(path, target, PATH_MAX - 1);
	target[n > 0 ? n : 0] = '\0';
	return target;
}

static void take(struct search *s, const char *pid, const char *fd)
{
	char target[PATH_MAX];

	if (!*target_of(pid, fd, target) || !is_for_writing(pid, fd))
		return;
	if (strncmp(target, "pipe:", 5) == 0)
		add_pipe(s, target);
	else if (*target == '/')
		add_file(s, target);
}

static void take_all(struct search *s, const char *pid)
{
	char path[300];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (isdigit((unsigned char)e->d_name[0]))
			take(s, pid, e->d_name);
	}
	if (d)
		closedir(d);
}

/* who reads one of the pipes as its standard input, as the next of a pipeline does */
static void follow(struct search *s)
{
	char target[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir("/proc");

	while (d && (e = readdir(d))) {
		if (isdigit((unsigned char)e->d_name[0]) && is_wanted_pipe(s, target_of(e->d_name, "0", target)))
			take_all(s, e->d_name);
	}
	if (d)
		closedir(d);
}

static void look(struct search *s)
{
	char self[16];
	size_t known = 0;

	snprintf(self, sizeof(self), "%d", getpid());
	take(s, self, "1");
	take(s, self, "2");
	while (known < s->pipe_count) {
		known = s->pipe_count;
		follow(s);
	}
}

/* cheap: most runs have a terminal, and most changes are a job's or settled long ago */
static bool can_be(const struct batch *b)
{
	struct stat out, error;

	if ((fstat(STDOUT_FILENO, &out) || S_ISCHR(out.st_mode)) &&
	    (fstat(STDERR_FILENO, &error) || S_ISCHR(error.st_mode)))
		return false;
	for (size_t i = 0; i < b->count; i++) {
		if (!b->changes[i].writer.job[0])
			return true;
	}
	return false;
}

struct change *printed_mark(const struct batch *b, const char *mountpoint, const char *source)
{
	struct search s = { .mountpoint = mountpoint, .source = source };
	struct change *copy = NULL;

	if (!can_be(b))
		return NULL;
	look(&s);
	for (size_t i = 0; i < b->count; i++) {
		if (!strv_has(&s.names, b->changes[i].path))
			continue;
		if (!copy && (copy = calloc(b->count, sizeof(*copy))))
			memcpy(copy, b->changes, b->count * sizeof(*copy));
		if (copy)
			strcpy(copy[i].writer.job, PRINTED_JOB);
	}
	strv_done(&s.names);
	return copy;
}
