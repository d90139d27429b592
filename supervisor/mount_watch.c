#include "supervisor/mount_watch.h"
#include "core/base/cleanup.h"
#include "core/base/mountinfo.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct mount_watch {
	uv_poll_t poll;
	int fd; /* /proc/self/mountinfo: readable with POLLPRI after each change of the mount table */
	dev_t device;
	char *mountpoint;
	void (*gone)(void *arg);
	void *arg;
};

struct search {
	const struct mount_watch *watch;
	bool found;
};

static int is_it(const struct mountinfo_entry *e, void *arg)
{
	struct search *s = arg;

	/* something may be mounted over it: that is not its end */
	s->found = e->dev == s->watch->device && strcmp(e->mountpoint, s->watch->mountpoint) == 0;
	return s->found;
}

static bool is_there(const struct mount_watch *w)
{
	struct search s = { w, false };

	return mountinfo_each(is_it, &s) < 0 || s.found;
}

static void on_change(uv_poll_t *poll, int status, int events)
{
	struct mount_watch *w = poll->data;

	if (is_there(w))
		return;
	uv_poll_stop(poll);
	w->gone(w->arg);
}

static void on_closed(uv_handle_t *handle)
{
	struct mount_watch *w = handle->data;

	close(w->fd);
	free(w->mountpoint);
	free(w);
}

int mount_watch_new(uv_loop_t *loop, const char *mountpoint, void (*gone)(void *arg), void *arg,
		    struct mount_watch **out)
{
	struct mountinfo_entry entry = { 0 };
	AUTO_FD fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct mount_watch *w;
	int r = fd < 0 ? -errno : mountinfo_topmost(mountpoint, &entry);

	if (r < 0)
		return r;
	w = calloc(1, sizeof(*w));
	if (!w || !(w->mountpoint = strdup(mountpoint))) {
		free(w);
		mountinfo_entry_done(&entry);
		return -ENOMEM;
	}
	w->device = entry.dev;
	w->gone = gone;
	w->arg = arg;
	mountinfo_entry_done(&entry);
	r = uv_poll_init(loop, &w->poll, fd);
	if (r < 0) {
		free(w->mountpoint);
		free(w);
		return r;
	}
	w->fd = take_fd(&fd);
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_PRIORITIZED, on_change);
	*out = w;
	return 0;
}

void mount_watch_free(struct mount_watch *w)
{
	if (w)
		uv_close((uv_handle_t *)&w->poll, on_closed);
}
