#include "supervisor/witness.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "supervisor/readset.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 2048 /* each event in it opens a descriptor: few enough for a limit of a thousand */
#define ROUNDS 64      /* others on the loop have their turn in between */
#define PAUSE_MS 10    /* whoever opens a file while nobody waits for it wakes nobody */

struct witness {
	uv_poll_t poll;
	uv_timer_t pause;
	int handles; /* not closed yet */
	int group;
	char *mountpoint;
	size_t mountpoint_len;
	char *outside; /* of our root, in a chroot: of what lies in another mount namespace the kernel tells that too. NULL: nothing */
	const struct witness_events *events;
	void *arg;
};

static const char *relative(const struct witness *w, const char *path)
{
	size_t outside_len = w->outside ? strlen(w->outside) : 0;

	if (outside_len && strncmp(path, w->outside, outside_len) != 0)
		return NULL;
	path += outside_len;
	if (strncmp(path, w->mountpoint, w->mountpoint_len) != 0)
		return NULL;
	path += w->mountpoint_len;
	if (*path == '/')
		return path + 1;
	return *path ? NULL : path;
}

static bool leads_to(const char *path, int fd)
{
	struct stat a, b;

	return lstat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Where our root lies, by one path that is below the mountpoint when what is outside is left away. */
static bool find_outside(struct witness *w, const char *path, int fd)
{
	const char *inside = path;

	if (w->outside || !w->mountpoint_len)
		return false;
	while ((inside = strstr(inside + 1, w->mountpoint))) {
		if (!leads_to(inside, fd))
			continue;
		w->outside = strndup(path, (size_t)(inside - path));
		return w->outside != NULL;
	}
	return false;
}

/* what the kernel knows already: to ask the mount would be a round trip for each */
static unsigned how_of(const struct fanotify_event_metadata *e)
{
	struct statx x;

	if (statx(e->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &x) == 0 && S_ISDIR(x.stx_mode))
		return READ_LISTED;
	return READ_CONTENT | (e->mask & FAN_OPEN_EXEC ? READ_EXECUTED : 0);
}

/* By the name that it has now. Of one that was removed the kernel tells the last one, with a word behind it. */
static void tell(struct witness *w, const struct fanotify_event_metadata *e)
{
	static const char deleted[] = " (deleted)";
	char link[40], path[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", e->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0 || n == sizeof(path) - 1) {
		w->events->lost(w->arg);
		return;
	}
	path[n] = '\0';
	if ((size_t)n > sizeof(deleted) && strcmp(path + n - sizeof(deleted) + 1, deleted) == 0)
		path[(size_t)n - sizeof(deleted) + 1] = '\0';
	name = relative(w, path);
	if (!name && find_outside(w, path, e->fd))
		name = relative(w, path);
	if (name)
		w->events->opened(name, how_of(e), e->pid, w->arg);
	else
		w->events->lost(w->arg); /* it is in the mount, all the same */
}

/* false: nothing is there */
static bool read_some(struct witness *w)
{
	_Alignas(struct fanotify_event_metadata) char buf[READ_SIZE];
	struct fanotify_event_metadata *e = (void *)buf;
	ssize_t n = read(w->group, buf, sizeof(buf));
	bool any;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0) {
		/* an event whose file cannot be opened here is gone; the next read goes on */
		log_debug("event=witness_lost error=\"%s\"", strerror(errno));
		if (errno != EINTR)
			w->events->lost(w->arg);
		return errno == EINTR || errno == EMFILE || errno == ENFILE || errno == ENOENT || errno == EACCES;
	}
	any = n > 0;
	for (; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n)) { /* which counts n down */
		AUTO_FD fd = e->fd;

		if (e->vers != FANOTIFY_METADATA_VERSION || (e->mask & FAN_Q_OVERFLOW))
			w->events->lost(w->arg);
		else if (fd >= 0)
			tell(w, e);
	}
	return any;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_paused(uv_timer_t *timer)
{
	struct witness *w = timer->data;

	uv_poll_start(&w->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct witness *w = poll->data;

	for (int i = 0; i < ROUNDS; i++) {
		if (read_some(w))
			continue;
		uv_poll_stop(poll);
		uv_timer_start(&w->pause, on_paused, PAUSE_MS, 0);
		return;
	}
}

void witness_drain(struct witness *w)
{
	while (read_some(w))
		;
}

static void on_closed(uv_handle_t *handle)
{
	struct witness *w = handle->data;

	if (--w->handles)
		return;
	close(w->group);
	free(w->mountpoint);
	free(w->outside);
	free(w);
}

int witness_new(uv_loop_t *loop, int group, const char *mountpoint, const struct witness_events *events, void *arg,
		struct witness **out)
{
	struct witness *w = calloc(1, sizeof(*w));
	int r;

	if (w)
		w->mountpoint = strdup(mountpoint);
	if (!w || !w->mountpoint) {
		close(group);
		free(w);
		return -ENOMEM;
	}
	w->group = group;
	w->mountpoint_len = strcmp(mountpoint, "/") == 0 ? 0 : strlen(mountpoint);
	w->events = events;
	w->arg = arg;
	w->poll.data = w->pause.data = w;
	w->handles = 2;
	r = uv_poll_init(loop, &w->poll, group);
	if (r < 0) {
		close(group);
		free(w->mountpoint);
		free(w);
		return r;
	}
	uv_timer_init(loop, &w->pause);
	uv_poll_start(&w->poll, UV_READABLE, on_readable);
	*out = w;
	return 0;
}

void witness_free(struct witness *w)
{
	if (!w)
		return;
	uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, on_closed);
	uv_close((uv_handle_t *)&w->pause, on_closed);
}
