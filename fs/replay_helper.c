#include "fs/replay_helper.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define STALE_TRIES 3

static const struct timespec now_twice[] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
static const struct timespec mtime_only[] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };

/* Attributes as the kernel has them: no request. */
static int look(int dir, const char *name, struct statx *x)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;

	return statx(dir, name, flags, STATX_TYPE | STATX_MODE | STATX_SIZE, x) ? -errno : 0;
}

/* Of this very mount: what else may stand at its place is not touched. */
static int open_root(const char *mountpoint, uint32_t device_minor)
{
	AUTO_FD fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statx x;
	int r = fd < 0 ? -errno : look(fd, "", &x);

	if (r < 0)
		return r;
	return x.stx_dev_major == 0 && x.stx_dev_minor == device_minor ? take_fd(&fd) : -ENXIO;
}

static int open_below(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/*
 * The server knows us: it alone finds this name, for us alone. Without that what follows would be done
 * to the files themselves.
 */
static int open_nowhere(int root, const char *token)
{
	int fd = openat(root, token, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -ENOTCONN : fd;
}

/* The kernel asks for the name anew, whatever it has cached: an exclusive creation always does. It never succeeds. */
static int refresh(int dir, const char *name)
{
	if (mknodat(dir, name, S_IFREG | 0600, 0) == 0)
		return -EPROTO;
	return errno == EEXIST ? 0 : -errno;
}

static int make(int dir, const struct replay_task *t)
{
	int r;

	if (S_ISDIR(t->type))
		r = mkdirat(dir, t->name, 0755);
	else if (S_ISLNK(t->type))
		r = symlinkat("anything", dir, t->name); /* the server answers what it is */
	else
		r = mknodat(dir, t->name, (t->type ? t->type : S_IFREG) | 0600, 0);
	return r ? -errno : 0;
}

static int take_away(int dir, const struct replay_task *t)
{
	int r = refresh(dir, t->name);

	if (r < 0)
		return r;
	return unlinkat(dir, t->name, S_ISDIR(t->type) ? AT_REMOVEDIR : 0) ? -errno : 0;
}

static int move(int dir, int new_dir, const struct replay_task *t)
{
	int r = refresh(dir, t->name);

	if (r == 0)
		r = refresh(new_dir, t->new_name);
	if (r < 0)
		return r;
	return renameat(dir, t->name, new_dir, t->new_name) ? -errno : 0;
}

/*
 * Nobody can execute a file while it is open for writing: one that may be executed is opened for no
 * longer than it takes to close it.
 */
static int write_nothing(int dir, const struct replay_task *t, int object, const struct statx *x)
{
	char path[32];
	bool modify = t->change & CHANGE_MODIFY;
	bool told = modify && x->stx_mode & 0111 && utimensat(dir, t->name, mtime_only, AT_SYMLINK_NOFOLLOW) == 0;
	AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", object);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return told ? 1 : -errno;
	if (modify && !told && ftruncate(fd, (off_t)x->stx_size))
		return -errno;
	return 0;
}

/* 1: only what can be had without opening it */
static int change_content(int dir, const struct replay_task *t)
{
	AUTO_FD object = openat(dir, t->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statx x;
	int r = object < 0 ? -errno : look(object, "", &x);

	if (r < 0)
		return r;
	if (!S_ISREG(x.stx_mode))
		return -EINVAL;
	/* whoever writes has not closed it yet */
	if (!(t->change & CHANGE_CLOSE) && utimensat(dir, t->name, mtime_only, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	r = write_nothing(dir, t, object, &x);
	if (r >= 0)
		return r;
	/* by its owner, or whoever may write */
	if (t->change & CHANGE_MODIFY && utimensat(dir, t->name, mtime_only, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return utimensat(dir, t->name, now_twice, AT_SYMLINK_NOFOLLOW) ? r : 1;
}

static int change(int dir, const struct replay_task *t)
{
	int r = 0;

	if (t->change & CHANGE_ATTRIB && utimensat(dir, t->name, now_twice, AT_SYMLINK_NOFOLLOW))
		r = -errno;
	if (r == 0 && t->change & (CHANGE_MODIFY | CHANGE_CLOSE))
		r = change_content(dir, t);
	return r;
}

static int act(const struct replay_task *t, const char *mountpoint)
{
	AUTO_FD root = open_root(mountpoint, t->device_minor);
	AUTO_FD nowhere = root < 0 ? root : open_nowhere(root, t->token);
	AUTO_FD dir = -1;
	AUTO_FD new_dir = -1;

	if (nowhere < 0)
		return nowhere;
	dir = t->from_nowhere ? open_below(nowhere, "") : open_below(root, t->dir);
	if (dir < 0)
		return dir;
	switch (t->act) {
	case REPLAY_MAKE:
		return make(dir, t);
	case REPLAY_REMOVE:
		return take_away(dir, t);
	case REPLAY_CHANGE:
		return change(dir, t);
	case REPLAY_MOVE:
		new_dir = t->to_nowhere ? open_below(nowhere, "") : open_below(root, t->new_dir);
		return new_dir < 0 ? new_dir : move(dir, new_dir, t);
	default:
		return -EINVAL;
	}
}

int replay_helper_main(int socket, const char *mountpoint)
{
	static struct replay_task t;

	prctl(PR_SET_NAME, "hrfs-replay");
	while (recv(socket, &t, sizeof(t), 0) == sizeof(t)) {
		struct replay_result result = { .sequence = t.sequence };
		int r = t.act == REPLAY_PING ? 0 : act(&t, mountpoint);

		for (int i = 1; r == -ESTALE && i < STALE_TRIES; i++)
			r = act(&t, mountpoint);
		result.error = r < 0 ? r : 0;
		result.lesser = r > 0;
		if (send(socket, &result, sizeof(result), MSG_NOSIGNAL) < 0)
			break;
	}
	return 0;
}
