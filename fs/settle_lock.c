#include "fs/settle_lock.h"
#include "core/base/buf.h"
#include "core/base/path.h"
#include "fs/ignore.h"
#include "fs/observe_reach.h"
#include "fs/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define DIRS_MOST 32
#define LOCK_NAME "index.lock"

struct seen { /* a lock that was there */
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

static struct {
	char *source, *mountpoint;
	int root_fd;
	struct seen standing[DIRS_MOST], stale[DIRS_MOST];
	size_t standing_count, stale_count;
} locks = { .root_fd = -1 };

int lock_start(const char *source, const char *mountpoint, int root_fd)
{
	free(locks.source);
	free(locks.mountpoint);
	locks.source = strdup(source);
	locks.mountpoint = strdup(mountpoint);
	locks.root_fd = root_fd;
	return locks.source && locks.mountpoint ? 0 : -ENOMEM;
}

/* The path in the tree, or NULL when it is elsewhere. */
static const char *in_tree(const char *path)
{
	const char *roots[] = { locks.mountpoint, locks.source };

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		if (strcmp(path, roots[i]) == 0)
			return "";
		if (path_is_below(path, roots[i]))
			return path + strlen(roots[i]) + (roots[i][1] ? 1 : 0);
	}
	return NULL;
}

/* By the lower for what is in the tree: the way by its path would lead through the mount itself. */
static bool stat_lock(const char *dir, const char *inside, struct stat *st)
{
	AUTO_FD fd = inside ? reach(locks.root_fd, inside) : open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fstatat(fd, LOCK_NAME, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Made through the mount by a process that is gone: a git that was killed. */
static bool holder_is_dead(const char *inside)
{
	AUTO_BUF path = { 0 };
	struct writer w;

	if (!inside || path_join(&path, inside, LOCK_NAME) < 0 || !writer_recall(path.data, &w))
		return false;
	return kill(w.pid, 0) < 0 && errno == ESRCH;
}

static bool is_stale(const struct seen *s)
{
	for (size_t i = 0; i < locks.stale_count; i++) {
		const struct seen *o = &locks.stale[i];

		if (o->dev == s->dev && o->ino == s->ino && o->changed.tv_sec == s->changed.tv_sec &&
		    o->changed.tv_nsec == s->changed.tv_nsec)
			return true;
	}
	return false;
}

static void look(const char *dir)
{
	const char *inside = in_tree(dir);
	struct stat st;
	struct seen s;

	if (!stat_lock(dir, inside, &st) || holder_is_dead(inside))
		return;
	s = (struct seen){ st.st_dev, st.st_ino, st.st_ctim };
	if (!is_stale(&s))
		locks.standing[locks.standing_count++] = s;
}

bool lock_stands(void)
{
	char *dirs[DIRS_MOST];
	size_t n = ignore_git_dirs(dirs, DIRS_MOST);

	locks.standing_count = 0;
	for (size_t i = 0; i < n; i++) {
		look(dirs[i]);
		free(dirs[i]);
	}
	return locks.standing_count > 0;
}

void lock_give_up(void)
{
	for (size_t i = 0; i < locks.standing_count; i++) {
		if (locks.stale_count == DIRS_MOST)
			memmove(locks.stale, locks.stale + 1, --locks.stale_count * sizeof(*locks.stale));
		locks.stale[locks.stale_count++] = locks.standing[i];
	}
	locks.standing_count = 0;
}
