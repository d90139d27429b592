#include "fs/replay_watchers.h"
#include "fs/shared.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WATCHES_MOST (1U << 20) /* beyond that many everything counts as watched */
#define INOTIFY_LINK "anon_inode:inotify"
#define HANDLE_TYPE 0x81 /* FILEID_INO64_GEN: what the kernel's FUSE makes of a node */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Four bytes of the handle, as they lie in memory: two hex digits each. */
static int parse_word(const char *hex, uint32_t *out)
{
	unsigned char bytes[4];

	for (int i = 0; i < 4; i++) {
		unsigned byte;

		if (!isxdigit((unsigned char)hex[2 * i]) || !isxdigit((unsigned char)hex[2 * i + 1]) ||
		    sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return -EINVAL;
		bytes[i] = (unsigned char)byte;
	}
	memcpy(out, bytes, sizeof(bytes));
	return 0;
}

node_id watchers_parse(const char *line, uint32_t device_minor)
{
	const char *device = strstr(line, " sdev:");
	const char *type = strstr(line, " fhandle-type:");
	const char *handle = strstr(line, " f_handle:");
	unsigned sdev, kind;
	uint32_t high, low;

	if (strncmp(line, "inotify ", strlen("inotify ")) != 0 || !device || !type || !handle)
		return 0;
	/* major number 0, and the kernel's own layout: the minor alone */
	if (sscanf(device, " sdev:%x", &sdev) != 1 || sdev != device_minor)
		return 0;
	if (sscanf(type, " fhandle-type:%x", &kind) != 1 || kind != HANDLE_TYPE)
		return 0;
	handle += strlen(" f_handle:");
	if (strlen(handle) < 16 || parse_word(handle, &high) < 0 || parse_word(handle + 8, &low) < 0)
		return 0;
	return (node_id)high << 32 | low;
}

static int remember(struct watchers *w, struct watcher who)
{
	if (w->count == w->room) {
		size_t room = w->room ? w->room * 2 : 16;
		struct watcher *more = reallocarray(w->who, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		w->who = more;
		w->room = room;
	}
	w->who[w->count++] = who;
	return 0;
}

/* 1: it has a watch in the mount; 0: none, or it is gone; -ENOMEM */
static int look_at_instance(struct watchers *w, struct watcher who, uint32_t device_minor)
{
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	char path[64];
	FILE *f;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", who.pid, who.fd);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (r >= 0 && w->nodes.count < WATCHES_MOST && getline(&line, &size, f) > 0) {
		node_id id = watchers_parse(line, device_minor);

		if (id)
			r = inodes_add(&w->nodes, id) < 0 ? -ENOMEM : 1;
	}
	fclose(f);
	return r;
}

/* The links of its descriptors say which are inotify's, without a look at each. */
static int look_at_process(struct watchers *w, pid_t pid, uint32_t device_minor)
{
	char path[64], target[sizeof(INOTIFY_LINK)];
	struct dirent *e;
	int r = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	if (!d)
		return 0;
	while (r >= 0 && (e = readdir(d))) {
		struct watcher who = { pid, atoi(e->d_name) };
		ssize_t n = isdigit((unsigned char)*e->d_name) ? readlinkat(dirfd(d), e->d_name, target, sizeof(target))
							       : 0;

		if (n != sizeof(INOTIFY_LINK) - 1 || memcmp(target, INOTIFY_LINK, sizeof(INOTIFY_LINK) - 1) != 0)
			continue;
		r = look_at_instance(w, who, device_minor);
		if (r == 1)
			r = remember(w, who);
	}
	closedir(d);
	return r < 0 ? r : 0;
}

static int look_at_everybody(struct watchers *w, uint32_t device_minor)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int r = 0;

	if (!d)
		return -errno;
	w->count = 0;
	while (r == 0 && (e = readdir(d))) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && pid != getpid() && pid != shared->config.keeper_pid)
			r = look_at_process(w, pid, device_minor);
	}
	closedir(d);
	return r;
}

static int look_at_known(struct watchers *w, uint32_t device_minor)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < w->count; i++)
		r = look_at_instance(w, w->who[i], device_minor);
	return r < 0 ? r : 0;
}

int watchers_look(struct watchers *w, uint32_t device_minor, bool everybody)
{
	int64_t begun = now_ns();
	int r;

	w->nodes.count = 0;
	r = everybody ? look_at_everybody(w, device_minor) : look_at_known(w, device_minor);
	inodes_sort(&w->nodes);
	w->known_ns = begun;
	w->known_cost_ns = now_ns() - begun;
	if (everybody) {
		w->seen_ns = begun;
		w->cost_ns = w->known_cost_ns;
	}
	return r;
}

bool watchers_have(const struct watchers *w, node_id id)
{
	if (w->nodes.count >= WATCHES_MOST)
		return true;
	return id && inodes_have(&w->nodes, id);
}

void watchers_done(struct watchers *w)
{
	inodes_done(&w->nodes);
	free(w->who);
	*w = (struct watchers){ 0 };
}
