#include "core/insiders.h"
#include "core/base/path.h"
#include "core/base/proc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define DEPTH_MAX 100 /* of a chain of parents */
#define IDS_MAX 32    /* places where one process sees one mount */

struct search {
	dev_t dev;
	bool maps;
	bool copies;
	const char *dir; /* instead of dev */
	insider_fn fn;
	void *arg;
};

/* ---- from a mount's id to its device ---- */

/* the "mnt_id:" of an fdinfo file; -1 */
static int mount_id_of(const char *fdinfo)
{
	AUTO_FD fd = open(fdinfo, O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *p;

	if (n <= 0)
		return -1;
	text[n] = '\0';
	p = strstr(text, "mnt_id:");
	return p ? atoi(p + strlen("mnt_id:")) : -1;
}

/* Under which ids a process sees the device. Mount namespaces number differently, devices are one. */
struct mount_ids {
	int ids[IDS_MAX];
	size_t count;
};

static void find_ids(pid_t pid, dev_t dev, struct mount_ids *out)
{
	char path[64];
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	out->count = 0;
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	f = fopen(path, "re");
	while (f && out->count < IDS_MAX && getline(&line, &size, f) > 0) {
		unsigned ma, mi;
		int id;

		if (sscanf(line, "%d %*d %u:%u", &id, &ma, &mi) == 3 && makedev(ma, mi) == dev)
			out->ids[out->count++] = id;
	}
	if (f)
		fclose(f);
	free(line);
}

static bool has_id(const struct mount_ids *m, int id)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->ids[i] == id)
			return true;
	}
	return false;
}

/* The first place where a process sees the device, as its mountinfo writes it: 0, or -ENOENT. */
static int find_place(const char *pid, dev_t dev, char place[static PATH_MAX])
{
	char path[64];
	char *line = NULL;
	size_t size = 0;
	int r = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	f = fopen(path, "re");
	while (f && r < 0 && getline(&line, &size, f) > 0) {
		unsigned ma, mi;
		int from = 0, to = 0;

		if (sscanf(line, "%*d %*d %u:%u %*s %n%*s%n", &ma, &mi, &from, &to) < 2 || makedev(ma, mi) != dev)
			continue;
		snprintf(place, PATH_MAX, "%.*s", to - from, line + from);
		r = 0;
	}
	if (f)
		fclose(f);
	free(line);
	return r;
}

/* ---- one process ---- */

static const char *target_of(const char *link, char target[static PATH_MAX])
{
	ssize_t n = readlink(link, target, PATH_MAX - 1);

	target[n < 0 ? 0 : n] = '\0';
	return target;
}

/* A handle that names and does not open: nobody is asked, and it tells the mount where the text of a link cannot. */
static bool link_is_inside(const char *link, const struct mount_ids *ids)
{
	char fdinfo[64];
	AUTO_FD fd = open(link, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return false;
	snprintf(fdinfo, sizeof(fdinfo), "/proc/self/fdinfo/%d", fd);
	return has_id(ids, mount_id_of(fdinfo));
}

static bool has_open(pid_t pid, const struct mount_ids *ids, char path[static PATH_MAX])
{
	char name[PATH_MAX];
	bool found = false;
	struct dirent *e;
	DIR *d;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo", pid);
	d = opendir(name);
	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "/proc/%d/fdinfo/%s", pid, e->d_name);
		found = has_id(ids, mount_id_of(name));
		snprintf(name, sizeof(name), "/proc/%d/fd/%s", pid, e->d_name);
	}
	if (d)
		closedir(d);
	if (found)
		target_of(name, path);
	return found;
}

static bool has_mapped(pid_t pid, dev_t dev, char path[static PATH_MAX])
{
	char name[64];
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	f = fopen(name, "re");
	while (f && !found && getline(&line, &size, f) > 0) {
		unsigned ma, mi;
		int at = 0;

		if (sscanf(line, "%*s %*s %*s %x:%x %*s %n", &ma, &mi, &at) < 2 || makedev(ma, mi) != dev)
			continue;
		found = true;
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, PATH_MAX, "%s", at ? line + at : "");
	}
	if (f)
		fclose(f);
	free(line);
	return found;
}

static bool is_inside(pid_t pid, const struct search *s, struct insider *i, char path[static PATH_MAX])
{
	char cwd[64], root[64];
	struct mount_ids ids;

	snprintf(cwd, sizeof(cwd), "/proc/%d/cwd", pid);
	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	if (s->dir) {
		i->how = INSIDER_STANDS;
		target_of(cwd, path);
		return strcmp(path, s->dir) == 0 || path_is_below(path, s->dir);
	}
	if (s->copies) {
		i->how = INSIDER_COPY;
		snprintf(cwd, sizeof(cwd), "%d", pid);
		return find_place(cwd, s->dev, path) == 0;
	}
	find_ids(pid, s->dev, &ids);
	if (ids.count == 0)
		return false; /* it does not see the mount at all */
	if (link_is_inside(cwd, &ids)) {
		i->how = INSIDER_STANDS;
		target_of(cwd, path);
	} else if (link_is_inside(root, &ids)) {
		i->how = INSIDER_ROOT;
		target_of(root, path);
	} else if (has_open(pid, &ids, path)) {
		i->how = INSIDER_OPEN;
	} else if (s->maps && has_mapped(pid, s->dev, path)) {
		i->how = INSIDER_MAPS;
	} else {
		return false;
	}
	return true;
}

/* ---- all processes ---- */

static int look_at(pid_t pid, const struct search *s)
{
	char path[PATH_MAX];
	struct insider i = { .pid = pid, .path = path };
	struct proc_stat st;

	if (!is_inside(pid, s, &i, path))
		return 0;
	if (proc_stat(pid, &st) < 0)
		return 0; /* gone meanwhile */
	snprintf(i.name, sizeof(i.name), "%s", st.name);
	return s->fn(&i, s->arg);
}

static int each_process(const struct search *s)
{
	struct dirent *e;
	DIR *d = opendir("/proc");
	int r = 0;

	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d))) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && pid != getpid())
			r = look_at(pid, s);
	}
	closedir(d);
	return r;
}

int insiders_of_mount(dev_t dev, bool maps, insider_fn fn, void *arg)
{
	return each_process(&(struct search){ .dev = dev, .maps = maps, .fn = fn, .arg = arg });
}

int insiders_of_copies(dev_t dev, insider_fn fn, void *arg)
{
	char place[PATH_MAX];
	int r;

	if (find_place("self", dev, place) < 0)
		return each_process(&(struct search){ .dev = dev, .copies = true, .fn = fn, .arg = arg });
	r = fn(&(struct insider){ .how = INSIDER_COPY, .path = place }, arg);
	return r ? r : -EBUSY;
}

int insiders_of_directory(const char *dir, insider_fn fn, void *arg)
{
	return each_process(&(struct search){ .dir = dir, .fn = fn, .arg = arg });
}

/* a name may hold what would move a cursor */
static int put_safe(struct buf *out, const char *text)
{
	int r = buf_puts(out, "");

	for (; r == 0 && *text; text++) {
		unsigned char c = (unsigned char)*text;

		r = c < 0x20 || c == 0x7f ? buf_printf(out, "\\%03o", c) : buf_putc(out, (char)c);
	}
	return r;
}

int insider_text(const struct insider *i, struct buf *out)
{
	static const char *const words[] = {
		[INSIDER_STANDS] = "stands in",
		[INSIDER_ROOT] = "has as its root",
		[INSIDER_OPEN] = "has open",
		[INSIDER_MAPS] = "has mapped",
		[INSIDER_COPY] = "has a copy of the mount at",
	};
	int r = put_safe(out, i->name);

	if (r == 0)
		r = buf_printf(out, " (%d) %s ", i->pid, words[i->how]);
	return r < 0 ? r : put_safe(out, i->path);
}

bool insider_is_ancestor(pid_t pid)
{
	struct proc_stat st = { .parent = getppid() };

	for (int depth = 0; depth < DEPTH_MAX && st.parent > 1; depth++) {
		if (st.parent == pid)
			return true;
		if (proc_stat(st.parent, &st) < 0)
			return false;
	}
	return false;
}

bool insider_is_below(pid_t pid, const char *name)
{
	struct proc_stat st;

	for (int depth = 0; depth < DEPTH_MAX && pid > 1; depth++) {
		if (proc_stat(pid, &st) < 0)
			return false;
		if (strcmp(st.name, name) == 0)
			return true;
		pid = st.parent;
	}
	return false;
}
