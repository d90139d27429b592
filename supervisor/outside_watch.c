#include "supervisor/outside_watch.h"
#include "core/base/map.h"
#include "core/base/path.h"
#include "supervisor/readset.h"
#include "supervisor/seen.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define QUIET_MS 50 /* after the last event a save is over */
#define PATHS_MAX 2000
#define WANTED (IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW)

struct outside_watch {
	uv_poll_t poll;
	uv_timer_t timer;
	int fd, open_handles;
	struct strv dirs; /* by watch descriptor; they count from 1 */
	struct map seen;  /* path -> struct seen *, owned: of those that have changed once */
	struct map changed; /* path -> itself (any pointer) */
	bool partial, lost;
	outside_changed fn;
	void *arg;
};

static bool is_of_interest(const char *name)
{
	return *name != '.' && strcmp(name, "node_modules") != 0 && !path_is_editor_temporary(name);
}

/* descriptors that are given out grow by one each */
static int note_directory(struct outside_watch *w, int wd, const char *dir)
{
	while ((int)w->dirs.count <= wd)
		if (strv_add(&w->dirs, "") < 0)
			return -ENOMEM;
	free(w->dirs.items[wd]);
	w->dirs.items[wd] = strdup(dir);
	return w->dirs.items[wd] ? 0 : -ENOMEM;
}

static void note_changed(struct outside_watch *w, const struct buf *path)
{
	if (w->changed.count < PATHS_MAX)
		map_put(&w->changed, path->data, path->len, w);
	else
		w->lost = true;
}

/* made: it has come just now, and what is in it may have come before it was watched */
static void watch_below(struct outside_watch *w, const char *dir, bool made)
{
	int wd = w->dirs.count < OUTSIDE_WATCHES_MAX ? inotify_add_watch(w->fd, dir, WANTED) : -1;
	DIR *d = wd < 0 ? NULL : opendir(dir);
	struct dirent *e;

	if (!d || note_directory(w, wd, dir) < 0)
		w->partial = true;
	while (d && (e = readdir(d))) {
		AUTO_BUF path = { 0 };
		struct stat st;

		if (!is_of_interest(e->d_name) || path_join(&path, dir, e->d_name) < 0 || lstat(path.data, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			watch_below(w, path.data, made);
		else if (made)
			note_changed(w, &path);
	}
	if (d)
		closedir(d);
}

/* ---- what comes ---- */

static bool is_same(struct outside_watch *w, const char *path, struct change *c)
{
	struct seen *was = map_get(&w->seen, path, strlen(path)), now;

	seen_look(AT_FDCWD, path, READ_CONTENT, was, &now);
	*c = (struct change){ .path = path, .before = was ? was->state : state_unknown(), .after = now.state };
	if (was && seen_equal(was, &now))
		return true;
	if (!was) {
		was = malloc(sizeof(*was));
		if (!was || map_put(&w->seen, path, strlen(path), was) < 0) {
			free(was);
			return false;
		}
	}
	*was = now;
	return false;
}

static void on_quiet(uv_timer_t *timer)
{
	struct outside_watch *w = timer->data;
	struct map changed = w->changed;
	struct change *list = calloc(changed.count + 1, sizeof(*list));
	struct map_entry *e = NULL;
	size_t count = 0;

	w->changed = (struct map){ 0 };
	while (list && (e = map_next(&changed, e)))
		if (!is_same(w, e->key, &list[count]) && list[count].after.kind != STATE_DIR)
			count++;
	if (w->lost) { /* something of all that is there */
		w->lost = false;
		list[count++] = (struct change){ .path = w->dirs.count > 1 ? w->dirs.items[1] : "/" };
	}
	if (count)
		w->fn(list, count, w->arg);
	free(list);
	map_done(&changed);
}

static void take(struct outside_watch *w, const struct inotify_event *e)
{
	AUTO_BUF path = { 0 };

	if (e->mask & IN_Q_OVERFLOW)
		w->lost = true;
	if (e->wd < 0 || (size_t)e->wd >= w->dirs.count || !e->len || !is_of_interest(e->name) ||
	    path_join(&path, w->dirs.items[e->wd], e->name) < 0)
		return;
	if ((e->mask & IN_ISDIR) && (e->mask & (IN_CREATE | IN_MOVED_TO)))
		watch_below(w, path.data, true);
	note_changed(w, &path); /* a file that is made is told once more when it is closed */
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct outside_watch *w = poll->data;
	_Alignas(struct inotify_event) char buf[16384];
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0)
		for (char *at = buf; at < buf + n; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len)
			take(w, (struct inotify_event *)at);
	if (w->changed.count || w->lost)
		uv_timer_start(&w->timer, on_quiet, QUIET_MS, 0);
}

/* ---- life ---- */

static void on_closed(uv_handle_t *handle)
{
	struct outside_watch *w = handle->data;
	struct map_entry *e = NULL;

	if (--w->open_handles)
		return;
	close(w->fd);
	while ((e = map_next(&w->seen, e)))
		free(e->value);
	map_done(&w->seen);
	map_done(&w->changed);
	strv_done(&w->dirs);
	free(w);
}

int outside_watch_new(uv_loop_t *loop, const struct strv *dirs, outside_changed changed, void *arg,
		      struct outside_watch **out)
{
	struct outside_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct outside_watch){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .fn = changed, .arg = arg };
	if (w->fd < 0) {
		r = -errno;
		free(w);
		return r;
	}
	w->poll.data = w->timer.data = w;
	w->open_handles = 2;
	uv_timer_init(loop, &w->timer);
	uv_poll_init(loop, &w->poll, w->fd);
	for (size_t i = 0; i < dirs->count; i++)
		watch_below(w, dirs->items[i], false);
	uv_poll_start(&w->poll, UV_READABLE, on_readable);
	*out = w;
	return 0;
}

void outside_watch_free(struct outside_watch *w)
{
	if (!w)
		return;
	uv_close((uv_handle_t *)&w->poll, on_closed);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

bool outside_watch_is_partial(const struct outside_watch *w)
{
	return w->partial;
}
