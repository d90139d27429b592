#include "fs/sidedoor_care.h"
#include "core/base/log.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "fs/crash.h"
#include "fs/dirs.h"
#include "fs/lower.h"
#include "fs/observe_reach.h"
#include "fs/shared.h"
#include "fs/sidedoor_mark.h"
#include "fs/sidedoor_parts.h"
#include "fs/sidedoor_ring.h"
#include "fs/sidedoor_watch.h"
#include "fs/sidedoor_way.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define WAITING_MOST 100000
#define LOOK_MS 1000 /* at the way to the source, where not all of it can be watched */

struct unmark {
	STAILQ_ENTRY(unmark) link;
	struct hash key;
	char *path;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static STAILQ_HEAD(, unmark) waiting = STAILQ_HEAD_INITIALIZER(waiting); /* with lock */
static size_t count;
static int event = -1, mounts = -1;

/* ---- marks that are not wanted any more ---- */

void care_unmark(char *path, const struct hash *key)
{
	struct unmark *u = malloc(sizeof(*u));
	uint64_t one = 1;

	pthread_mutex_lock(&lock);
	if (u && count < WAITING_MOST) {
		*u = (struct unmark){ .key = *key, .path = path };
		STAILQ_INSERT_TAIL(&waiting, u, link);
		count++;
		u = NULL;
		path = NULL;
	}
	pthread_mutex_unlock(&lock);
	free(u);
	free(path);
	if (write(event, &one, sizeof(one)) < 0)
		log_debug("event=wake_failed what=care");
}

static struct unmark *take(void)
{
	struct unmark *u;

	pthread_mutex_lock(&lock);
	u = STAILQ_FIRST(&waiting);
	if (u) {
		STAILQ_REMOVE_HEAD(&waiting, link);
		count--;
	}
	pthread_mutex_unlock(&lock);
	return u;
}

/* Unless it has been looked up again meanwhile, or something else is there. */
static void unmark(const struct unmark *u)
{
	AUTO_FD fd = reach(dirs_root(), u->path);
	struct hash key;

	if (fd < 0)
		return;
	marks_lock();
	if (!watch_find(&u->key, NULL) && mark_key(fd, &key, NULL) == 0 && hash_equal(&key, &u->key))
		mark_remove(fd);
	marks_unlock();
}

static void unmark_all(void)
{
	struct unmark *u;

	while ((u = take())) {
		unmark(u);
		free(u->path);
		free(u);
	}
}

/* ---- mounts ---- */

struct mounts {
	struct buf text;
	char source[PATH_MAX]; /* where the root is now */
};

static int add_mount(const struct mountinfo_entry *e, void *arg)
{
	struct mounts *m = arg;

	if (path_is_below(e->mountpoint, m->source) && e->dev != makedev(0, shared->config.device_minor))
		return buf_printf(&m->text, "%d %s\n", e->id, e->mountpoint);
	return 0;
}

static void find_source(char source[static PATH_MAX])
{
	char path[FD_PATH_SIZE];
	ssize_t n = readlink(fd_path(dirs_root(), path), source, PATH_MAX - 1);

	if (n > 0)
		source[n] = '\0';
	else
		memcpy(source, shared->config.source, PATH_MAX);
}

static bool mounts_changed(struct buf *before)
{
	struct mounts now = { .text = { 0 } };
	bool changed;

	find_source(now.source);
	if (mountinfo_each(add_mount, &now) < 0) {
		buf_done(&now.text);
		return true;
	}
	changed = now.text.len != before->len || (before->len && memcmp(now.text.data, before->data, before->len) != 0);
	buf_done(before);
	*before = now.text;
	return changed;
}

/* ---- the path of the source ---- */

static void look_at_way(void)
{
	if (way_look())
		ring_doubt("source_replaced");
	way_looked();
	ring_progress();
}

static void hear_of_way(void)
{
	if (way_heard())
		look_at_way();
	else
		ring_progress();
}

static void *care(void *arg)
{
	struct buf before = { 0 };
	struct pollfd p[] = { { event, POLLIN, 0 }, { mounts, POLLPRI, 0 }, { way_fd(), POLLIN, 0 } };
	uint64_t n;
	int r;

	crash_thread();
	prctl(PR_SET_NAME, "sidedoor-care");
	mounts_changed(&before);
	look_at_way();
	while ((r = poll(p, ARRAY_SIZE(p), way_is_partly_watched() ? LOOK_MS : -1)) >= 0 || errno == EINTR) {
		if (r > 0 && p[0].revents && read(event, &n, sizeof(n)) > 0)
			unmark_all();
		if (r > 0 && p[1].revents && mounts_changed(&before))
			ring_doubt("mounts_changed");
		if (r > 0 && p[2].revents)
			hear_of_way();
		else if (r == 0)
			look_at_way();
	}
	buf_done(&before);
	return NULL;
}

int care_start(void)
{
	pthread_t thread;
	int r;

	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (event < 0 || mounts < 0)
		return -errno;
	r = way_start();
	if (r < 0)
		return r;
	r = -pthread_create(&thread, NULL, care, NULL);
	if (r == 0)
		pthread_detach(thread);
	return r;
}
