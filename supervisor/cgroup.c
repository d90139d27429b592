#include "supervisor/cgroup.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* where cgroup2 is mounted: at /sys/fs/cgroup, or beside the old hierarchies */
static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

/* this process's own group in that hierarchy, from "0::/PATH" */
static int own_path(char *out, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	int r = -ENOTSUP;

	if (!f)
		return -errno;
	while (r == -ENOTSUP && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		r = (size_t)snprintf(out, size, "%s", line + 3) < size ? 0 : -ENAMETOOLONG;
	}
	fclose(f);
	return r;
}

int cgroup_make(struct buf *dir)
{
	char own[PATH_MAX], path[PATH_MAX + 128];
	int r = own_path(own, sizeof(own));

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		size_t len;

		snprintf(path, sizeof(path), "%s%s", mounts[i], strcmp(own, "/") == 0 ? "" : own);
		len = strlen(path);
		strcpy(path + len, "/cgroup.procs");
		if (access(path, W_OK))
			continue;
		snprintf(path + len, sizeof(path) - len, "/hrfs-job-%d", getpid());
		if (mkdir(path, 0755) && errno != EEXIST)
			continue;
		len = strlen(path);
		strcpy(path + len, "/cgroup.kill");
		r = access(path, W_OK);
		path[len] = '\0';
		if (r == 0)
			return buf_puts(dir, path);
		rmdir(path);
	}
	return -ENOTSUP;
}

static int put(const char *dir, const char *file, const char *value)
{
	char path[PATH_MAX + 192];
	AUTO_FD fd = -1;

	if (strlen(dir) + strlen(file) + 2 > sizeof(path))
		return -ENAMETOOLONG;
	strcpy(path, dir);
	strcat(path, "/");
	strcat(path, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

pid_t cgroup_fork(const char *dir, bool *inside)
{
	AUTO_FD fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)fd };
	pid_t pid = fd < 0 ? -1 : (pid_t)syscall(SYS_clone3, &args, sizeof(args)); /* Linux 5.7 */

	*inside = pid >= 0;
	return *inside ? pid : fork();
}

int cgroup_enter(const char *dir)
{
	return put(dir, "cgroup.procs", "0");
}

int cgroup_kill(const char *dir)
{
	return put(dir, "cgroup.kill", "1");
}

void cgroup_remove(const char *dir)
{
	char path[PATH_MAX + 192];
	struct dirent *e;
	DIR *d;

	if (rmdir(dir) == 0 || errno == ENOENT)
		return;
	d = opendir(dir);
	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    (size_t)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < sizeof(path))
			cgroup_remove(path);
	closedir(d);
	rmdir(dir);
}
