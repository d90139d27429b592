#include "core/git_exclude.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/git_exclude_text.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_MAX (1024 * 1024)
#define LOCK_TRIES 200
#define LOCK_WAIT_NS 10000000

struct exclude {
	int dir;    /* the file's, locked as long as it is open */
	char *name; /* in it */
	bool exists;
	struct stat st;
	struct buf text;
};

static void exclude_done(struct exclude *x)
{
	if (x->dir >= 0)
		close(x->dir);
	free(x->name);
	buf_done(&x->text);
}

/* ---- rights ---- */

/*
 * The repository may be somebody else's and hostile: what its links point to is read and replaced with
 * its owner's rights. Those of this thread alone change.
 */
static uid_t as_owner(const struct stat *owner, gid_t *group)
{
	uid_t before = (uid_t)setfsuid((uid_t)-1);

	*group = (gid_t)setfsgid((gid_t)-1);
	if (before == 0 && owner->st_uid != 0) {
		setfsgid(owner->st_gid);
		setfsuid(owner->st_uid);
	}
	return before;
}

static void as_before(uid_t user, gid_t group)
{
	setfsuid(user);
	setfsgid(group);
}

/* ---- reading ---- */

/* Two of us may be at it at once. Not for ever: anyone who may read the directory could hold the lock. */
static int lock(int dir)
{
	static const struct timespec wait = { 0, LOCK_WAIT_NS };

	for (int i = 0; flock(dir, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (i == LOCK_TRIES)
			return -EBUSY;
		nanosleep(&wait, NULL);
	}
	return 0;
}

/* A user may have linked the file to one kept elsewhere: that one is changed, the link stays. */
static int find_file(const char *path, struct buf *dir, char **name)
{
	char real[PATH_MAX];
	const char *slash;

	if (!realpath(path, real)) {
		if (errno != ENOENT || strlen(path) >= sizeof(real))
			return -errno;
		strcpy(real, path);
	}
	slash = strrchr(real, '/');
	if (!slash || !slash[1])
		return -EINVAL;
	*name = strdup(slash + 1);
	if (!*name || buf_put(dir, real, (size_t)(slash - real)) < 0)
		return -ENOMEM;
	return 0;
}

static int read_text(struct exclude *x)
{
	AUTO_FD fd = openat(x->dir, x->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char chunk[4096];
	ssize_t n;

	x->exists = fd >= 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &x->st))
		return -errno;
	if (!S_ISREG(x->st.st_mode))
		return -EINVAL;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		if (x->text.len + (size_t)n > FILE_MAX)
			return -EFBIG;
		if (buf_put(&x->text, chunk, (size_t)n) < 0)
			return -ENOMEM;
	}
	return n < 0 ? -errno : 0;
}

static int load(struct exclude *x, const char *path, bool make_dir)
{
	AUTO_BUF dir = { 0 };
	int r = find_file(path, &dir, &x->name);

	if (r < 0)
		return r;
	if (make_dir && mkdir(dir.data, 0777) && errno != EEXIST)
		return -errno;
	x->dir = open(dir.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->dir < 0)
		return -errno;
	r = lock(x->dir);
	return r < 0 ? r : read_text(x);
}

/* ---- writing ---- */

static int fill(const struct exclude *x, int fd)
{
	size_t done = 0;

	while (done < x->text.len) {
		ssize_t n = write(fd, x->text.data + done, x->text.len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	/* The owner can be kept only when he is us, the group where we are in it. */
	if (x->exists && fchown(fd, (uid_t)-1, x->st.st_gid) && errno != EPERM)
		return -errno;
	if (x->exists && fchmod(fd, x->st.st_mode & 07777))
		return -errno;
	return fsync(fd) ? -errno : 0;
}

/* Whole or not at all: git may read it at any time. */
static int store(const struct exclude *x)
{
	AUTO_BUF name = { 0 };
	AUTO_FD fd = -1;
	int r = buf_printf(&name, "%s.hrfs-%d", x->name, getpid());

	if (r < 0)
		return r;
	/* under the lock, and of this process: a file of that name is left from one that was killed */
	unlinkat(x->dir, name.data, 0);
	fd = openat(x->dir, name.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, x->exists ? 0600 : 0666);
	if (fd < 0)
		return -errno;
	r = fill(x, fd);
	if (r == 0 && renameat(x->dir, name.data, x->dir, x->name))
		r = -errno;
	if (r < 0)
		unlinkat(x->dir, name.data, 0);
	return r;
}

/* ---- entries ---- */

static bool is_it(const char *mountpoint, const void *arg)
{
	return strcmp(mountpoint, arg) == 0;
}

static bool is_stale(const char *mountpoint, const void *arg)
{
	struct mountinfo_entry e = { 0 };
	int r;

	if (strcmp(mountpoint, arg) == 0)
		return false;
	r = mountinfo_topmost(mountpoint, &e);
	mountinfo_entry_done(&e);
	return r == -ENOENT;
}

static bool has(struct buf *text, const char *mountpoint, const char *pattern)
{
	AUTO_BUF both = { 0 };

	return text->len && buf_printf(&both, ": mounted at %s\n%s\n", mountpoint, pattern) == 0 &&
	       strstr(text->data, both.data);
}

static int add(struct exclude *x, const char *file, const char *mountpoint, const char *pattern)
{
	bool made = false;
	int r = load(x, file, true);
	int stale = r < 0 ? r : exclude_text_remove(&x->text, is_stale, mountpoint, &made);
	bool there;

	if (stale < 0)
		return stale;
	there = has(&x->text, mountpoint, pattern);
	if (there && !stale)
		return 0;
	r = there ? 0 : exclude_text_add(&x->text, !x->exists || (made && !x->text.len), mountpoint, pattern);
	if (r == 0)
		r = store(x);
	return r < 0 ? r : !there;
}

static int remove_entry(struct exclude *x, const char *file, const char *mountpoint)
{
	bool made;
	int r = load(x, file, false);
	int removed;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	removed = exclude_text_remove(&x->text, is_it, mountpoint, &made);
	if (removed <= 0)
		return removed;
	if (made && !x->text.len)
		r = unlinkat(x->dir, x->name, 0) ? -errno : 0;
	else
		r = store(x);
	return r < 0 ? r : 1;
}

/* of the repository's directory: the file's directory lies in it and may be missing */
static int owner_of(const char *exclude_file, struct stat *st)
{
	AUTO_BUF dir = { 0 };

	if (buf_puts(&dir, exclude_file) < 0)
		return -ENOMEM;
	for (int i = 0; i < 2; i++) {
		const char *slash = strrchr(dir.data, '/');

		if (!slash || slash == dir.data)
			return -EINVAL;
		buf_truncate(&dir, (size_t)(slash - dir.data));
	}
	return stat(dir.data, st) ? -errno : 0;
}

int git_exclude_add(const char *exclude_file, const char *worktree, const char *mountpoint)
{
	AUTO_DONE(exclude) struct exclude x = { .dir = -1 };
	AUTO_BUF pattern = { 0 };
	struct stat owner;
	uid_t user;
	gid_t group;
	int r = owner_of(exclude_file, &owner);

	if (r < 0)
		return r;
	if (!path_is_below(mountpoint, worktree) || strchr(mountpoint, '\n'))
		return -EINVAL;
	r = exclude_text_pattern(&pattern, mountpoint + strlen(worktree) + (worktree[strlen(worktree) - 1] != '/'));
	if (r < 0)
		return r;
	user = as_owner(&owner, &group);
	r = add(&x, exclude_file, mountpoint, pattern.data);
	as_before(user, group);
	return r;
}

int git_exclude_remove(const char *exclude_file, const char *mountpoint)
{
	AUTO_DONE(exclude) struct exclude x = { .dir = -1 };
	struct stat owner;
	uid_t user;
	gid_t group;
	int r = owner_of(exclude_file, &owner);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	user = as_owner(&owner, &group);
	r = remove_entry(&x, exclude_file, mountpoint);
	as_before(user, group);
	return r;
}
