#include "fs/settle_open.h"
#include "core/base/cleanup.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MOUNTS_SEEN 16

void inodes_done(struct inodes *s)
{
	free(s->items);
	*s = (struct inodes){ 0 };
}

int inodes_add(struct inodes *s, uint64_t ino)
{
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 16;
		uint64_t *more = reallocarray(s->items, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->items = more;
		s->room = room;
	}
	s->items[s->count++] = ino;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void inodes_sort(struct inodes *s)
{
	if (s->count)
		qsort(s->items, s->count, sizeof(*s->items), by_number);
}

int inodes_have(const struct inodes *s, uint64_t ino)
{
	return s->count && bsearch(&ino, s->items, s->count, sizeof(ino), by_number) != NULL;
}

/* ---- mounts of a process, by id ---- */

struct mounts { /* answers already had */
	int id[MOUNTS_SEEN];
	bool ours[MOUNTS_SEEN];
	size_t count;
};

/* What a mount id means, the process's own table says: ids of other namespaces are not in ours. */
static bool ask_mount(pid_t pid, int id, dev_t dev)
{
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	char path[64];
	FILE *f;
	bool ours = false;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	f = fopen(path, "re");
	if (!f)
		return true; /* the inode number alone, then */
	while (getline(&line, &size, f) > 0) {
		unsigned major_number, minor_number;
		int found;

		if (sscanf(line, "%d %*d %u:%u", &found, &major_number, &minor_number) == 3 && found == id) {
			ours = makedev(major_number, minor_number) == dev;
			break;
		}
	}
	fclose(f);
	return ours;
}

static bool is_ours(struct mounts *m, pid_t pid, int id, dev_t dev)
{
	bool ours;

	for (size_t i = 0; i < m->count; i++) {
		if (m->id[i] == id)
			return m->ours[i];
	}
	ours = ask_mount(pid, id, dev);
	if (m->count < MOUNTS_SEEN) {
		m->id[m->count] = id;
		m->ours[m->count++] = ours;
	}
	return ours;
}

/* ---- descriptors ---- */

struct fdinfo {
	unsigned flags;
	int mount;
	uint64_t ino;
};

static bool parse(const char *text, struct fdinfo *out)
{
	const char *flags = strstr(text, "flags:");
	const char *mount = strstr(text, "mnt_id:");
	const char *ino = strstr(text, "ino:");

	return flags && mount && ino && sscanf(flags, "flags: %o", &out->flags) == 1 &&
	       sscanf(mount, "mnt_id: %d", &out->mount) == 1 && sscanf(ino, "ino: %lu", &out->ino) == 1;
}

static bool read_fdinfo(int infos, const char *name, struct fdinfo *out)
{
	AUTO_FD fd = openat(infos, name, O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return parse(text, out);
}

/*
 * Sockets, pipes and the like are most of a server's descriptors: their links say so without a look at each. A path
 * that is too long for a link is a file's.
 */
static bool is_file(int fds, const char *name)
{
	char target[1];
	ssize_t n = readlinkat(fds, name, target, sizeof(target));

	return n < 0 ? errno == ENAMETOOLONG : target[0] == '/';
}

static int open_in_proc(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

static int each_descriptor(DIR *d, int infos, pid_t pid, dev_t dev, struct inodes *out)
{
	struct mounts mounts = { .count = 0 };
	struct dirent *e;
	int r = 0;

	while (r == 0 && (e = readdir(d))) {
		struct fdinfo info;

		if (!isdigit((unsigned char)e->d_name[0]) || !is_file(dirfd(d), e->d_name) ||
		    !read_fdinfo(infos, e->d_name, &info))
			continue;
		if ((info.flags & O_ACCMODE) != O_RDONLY && !(info.flags & O_PATH) && is_ours(&mounts, pid, info.mount, dev))
			r = inodes_add(out, info.ino);
	}
	return r;
}

int open_for_writing(pid_t pid, dev_t dev, struct inodes *out)
{
	int fds = open_in_proc(pid, "fd");
	AUTO_FD infos = open_in_proc(pid, "fdinfo");
	DIR *d;
	int r;

	if (fds < 0 || infos < 0) {
		r = fds < 0 ? fds : infos;
		if (fds >= 0)
			close(fds);
		return r;
	}
	d = fdopendir(fds);
	if (!d) {
		close(fds);
		return -ENOMEM;
	}
	r = each_descriptor(d, infos, pid, dev, out);
	closedir(d);
	return r;
}

pid_t open_by_whom(uint64_t ino, dev_t dev)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	if (!d)
		return 0;
	while (!found && (e = readdir(d))) {
		struct inodes open = { 0 };
		pid_t pid = atoi(e->d_name);

		if (pid <= 0 || pid == getpid() || open_for_writing(pid, dev, &open) < 0) {
			inodes_done(&open);
			continue;
		}
		inodes_sort(&open);
		if (inodes_have(&open, ino))
			found = pid;
		inodes_done(&open);
	}
	closedir(d);
	return found;
}
