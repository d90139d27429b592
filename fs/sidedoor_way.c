#include "fs/sidedoor_way.h"
#include "core/base/log.h"
#include "core/base/mountinfo.h"
#include "fs/dirs.h"
#include "fs/lower.h"
#include "fs/shared.h"
#include "fs/sidedoor_mark.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAMES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define LINKS_MOST 40 /* as the kernel */

struct step {
	int wd;
	char *name;
};

/* What is known of a way while it is gone, in one look. */
struct walk {
	int inotify; /* -1: it is not to be watched */
	struct step *steps;
	size_t count;
	bool partly; /* a directory could not be watched */
	bool safe;   /* nobody else than root, us and the tree's owner can lead it elsewhere */
	uid_t owner; /* of the tree */
};

static struct {
	int fd;
	struct step *steps; /* the caring thread's, as all but `looking` */
	size_t count;
	bool partly;
	atomic_bool looking; /* something has been read that has not been looked at */
} way = { .fd = -1 };

static void free_steps(struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(steps[i].name);
	free(steps);
}

/* ---- going ---- */

static void watch(struct walk *w, int dir, const char *name)
{
	char path[FD_PATH_SIZE];
	struct step *more;
	int wd;

	if (w->inotify < 0)
		return;
	wd = inotify_add_watch(w->inotify, fd_path(dir, path), NAMES | IN_ONLYDIR);
	more = wd < 0 ? NULL : reallocarray(w->steps, w->count + 1, sizeof(*more));
	if (more) {
		w->steps = more;
		more[w->count] = (struct step){ wd, strdup(name) };
	}
	if (more && more[w->count].name)
		w->count++;
	else
		w->partly = true;
}

static bool is_own_mount(const struct statx *x)
{
	return makedev(x->stx_dev_major, x->stx_dev_minor) == makedev(0, shared->config.device_minor);
}

/* A group of one's own is none. */
static bool others_can_write(const struct statx *x)
{
	bool group = (x->stx_mode & S_IWGRP) && x->stx_gid != 0 && x->stx_gid != x->stx_uid;

	return !S_ISLNK(x->stx_mode) && !(x->stx_mode & S_ISVTX) && (group || x->stx_mode & S_IWOTH);
}

/* Whoever can write there leads us where he may not go himself. */
static bool is_safe(const struct walk *w, const struct statx *x)
{
	return (x->stx_uid == 0 || x->stx_uid == w->owner) && !others_can_write(x);
}

/* Without a question to any file system that would have to answer one: this mount could wait for itself. */
static int look_at(int fd, struct statx *x)
{
	int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;

	if (statx(fd, "", flags, STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID, x))
		return -errno;
	return is_own_mount(x) ? -EXDEV : 0;
}

static int open_top(void)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The first name of *rest, which is without it then. false: there is none; or it is too long, which openat() says */
static bool take_name(struct buf *rest, char name[static PATH_MAX])
{
	const char *text = buf_str(rest);
	size_t slashes = strspn(text, "/");
	size_t len = strcspn(text + slashes, "/");

	if (!len || len >= PATH_MAX)
		return false;
	memcpy(name, text + slashes, len);
	name[len] = '\0';
	buf_consume(rest, slashes + len);
	return true;
}

/* What it says comes before the rest. *at is where it is to be read from. */
static int enter_link(int link, int *at, struct buf *rest)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
	AUTO_BUF all = { 0 };
	int r;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	r = buf_printf(&all, "%s/%s", target, buf_str(rest));
	if (r == 0 && target[0] == '/') {
		int top = open_top();

		if (top < 0)
			return top;
		close(*at);
		*at = top;
	}
	if (r == 0) {
		buf_done(rest);
		*rest = all;
		all = (struct buf){ 0 };
	}
	return r;
}

/* Name by name, each directory watched before it is looked into. O_PATH of where it ends, or -errno */
static int go(struct walk *w, const char *path)
{
	AUTO_FD at = open_top();
	AUTO_BUF rest = { 0 };
	char name[PATH_MAX];
	struct statx x;
	int links = 0;
	int r = at < 0 ? at : look_at(at, &x);

	if (r == 0)
		r = buf_puts(&rest, path);
	while (r == 0 && take_name(&rest, name)) {
		AUTO_FD fd = -1;

		w->safe = w->safe && is_safe(w, &x);
		if (strcmp(name, "..") != 0)
			watch(w, at, name);
		fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : look_at(fd, &x);
		if (r < 0)
			break;
		if (S_ISLNK(x.stx_mode)) {
			w->safe = w->safe && is_safe(w, &x);
			r = ++links > LINKS_MOST ? -ELOOP : enter_link(fd, &at, &rest);
		} else {
			close(at);
			at = take_fd(&fd);
		}
	}
	if (r == 0 && !S_ISDIR(x.stx_mode))
		r = -ENOTDIR;
	return r < 0 ? r : take_fd(&at);
}

/* ---- what it leads to ---- */

static void refuse(const struct identity *is, const char *why)
{
	static _Atomic uint64_t last; /* said once of each */

	if (atomic_exchange(&last, is->ino) != is->ino)
		log_warn(
			"event=source_not_followed source=\"%s\" why=\"%s\" meaning=\"the mount stays with the directory that it has\"",
			shared->config.source, why);
}

static int is_this_mount(const struct mountinfo_entry *e, void *arg)
{
	return e->id == *(const int *)arg;
}

static bool is_unmounted(int fd)
{
	struct statx x;
	int id;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &x) || !(x.stx_mask & STATX_MNT_ID))
		return false;
	id = (int)x.stx_mnt_id;
	return mountinfo_each(is_this_mount, &id) == 0;
}

static bool have_one_path(int a, int b)
{
	char path[FD_PATH_SIZE], text[2][PATH_MAX];
	ssize_t n = readlink(fd_path(a, path), text[0], PATH_MAX);

	return n > 0 && readlink(fd_path(b, path), text[1], PATH_MAX) == n && memcmp(text[0], text[1], (size_t)n) == 0;
}

/* Nothing has moved: a file system was mounted over it, or unmounted. The mount keeps what it has, and keeps no other one busy */
static bool is_of_mounts(int fd)
{
	return have_one_path(dirs_root(), fd) || is_unmounted(dirs_root());
}

/* Nobody is to be led through this mount to what he could not go to. */
static int check(const struct walk *w, int fd)
{
	struct identity root, is;
	struct stat root_st, st;
	struct hash key;
	int r = lower_identify(dirs_root(), "", &root, &root_st);

	if (r == 0)
		r = lower_identify(fd, "", &is, &st);
	if (r < 0)
		return r;
	if (identity_equal(&root, &is))
		return -ESTALE;
	r = mark_key(fd, &key, NULL);
	if (st.st_uid != root_st.st_uid)
		refuse(&is, "its path leads to a directory of somebody else");
	else if (is_of_mounts(fd))
		refuse(&is, "a file system was mounted there, or unmounted");
	else if (geteuid() == 0 && !w->safe)
		refuse(&is, "somebody else can change where its path leads");
	else if (r < 0)
		refuse(&is, "what its path leads to cannot be watched");
	else
		return 0;
	return -EPERM;
}

static int open_by(struct walk *w)
{
	const char *path = *shared->config.source_path ? shared->config.source_path : shared->config.source;
	struct stat st;
	AUTO_FD fd = -1;
	int r;

	if (fstat(dirs_root(), &st))
		return -errno;
	w->safe = true;
	w->owner = st.st_uid;
	fd = go(w, path);
	r = fd < 0 ? fd : check(w, fd);
	return r < 0 ? r : take_fd(&fd);
}

int way_open(void)
{
	struct walk w = { .inotify = -1 };

	return open_by(&w);
}

/* ---- watching ---- */

int way_start(void)
{
	way.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return way.fd < 0 ? -errno : 0;
}

int way_fd(void)
{
	return way.fd;
}

bool way_is_partly_watched(void)
{
	return way.partly;
}

static bool is_on_the_way(const struct inotify_event *e)
{
	if (e->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT))
		return true;
	for (size_t i = 0; i < way.count; i++) {
		if (e->len && e->wd == way.steps[i].wd && strcmp(e->name, way.steps[i].name) == 0)
			return true;
	}
	return false;
}

bool way_heard(void)
{
	char bytes[16384] __attribute__((aligned(8)));
	bool heard = false;
	ssize_t n;

	way.looking = true; /* before anything is read: whoever finds nothing to be read finds this */
	while ((n = read(way.fd, bytes, sizeof(bytes))) > 0) {
		for (const char *p = bytes; p < bytes + n;) {
			const struct inotify_event *e = (const void *)p;

			heard = heard || is_on_the_way(e);
			p += sizeof(*e) + e->len;
		}
	}
	if (!heard)
		way.looking = false;
	return heard;
}

bool way_look(void)
{
	struct walk w = { .inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
	int fd = open_by(&w);

	/* under the same number, for who asks whether there is something to be read */
	if (w.inotify >= 0) {
		dup3(w.inotify, way.fd, O_CLOEXEC);
		close(w.inotify);
		free_steps(way.steps, way.count);
		way.steps = w.steps;
		way.count = w.count;
	}
	way.partly = w.partly || w.inotify < 0;
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void way_looked(void)
{
	way.looking = false;
}

bool way_is_quiet(void)
{
	int bytes = 0;

	return way.fd < 0 || (ioctl(way.fd, FIONREAD, &bytes) == 0 && !bytes && !way.looking);
}
