#include "cli/place.h"
#include "cli/cli.h"
#include "cli/exclude.h"
#include "cli/probe.h"
#include "cli/say.h"
#include "cli/unmount.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/client.h"
#include "core/resolve.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define DEAD_MAX 16 /* dead mounts, one over the other */

void place_done(struct place *p)
{
	free(p->source);
	free(p->source_path);
	free(p->mountpoint);
	*p = (struct place){ 0 };
}

static int fail(int code)
{
	say_error("%s", strerror(-code));
	return CLI_FAILED;
}

/* The absolute path without asking any FUSE mount: the text that mountinfo would have. */
static int by_text(const char *path, struct buf *out)
{
	AUTO_BUF cwd = { 0 };
	AUTO_BUF absolute = { 0 };
	int r = resolve_cwd(&cwd);

	if (r == 0)
		r = path_absolute(&absolute, buf_str(&cwd), path);
	return r < 0 ? r : resolve_links(out, absolute.data);
}

/* ---- what is mounted there already ---- */

static int already(const struct mountinfo_entry *e)
{
	AUTO_BUF error = { 0 };
	AUTO_BUF word = { 0 };
	struct client_mount m = { 0 };
	int r = client_find(e->mountpoint, &m, &error);

	say_word(&word, e->mountpoint);
	if (r == -EPERM)
		say_error("%s: already mounted by another user, from %s", e->mountpoint, e->source);
	else
		say_error("%s: already mounted, from %s; to take it away: hrfs umount %s", e->mountpoint,
			  r == 0 ? m.source : e->source, buf_str(&word));
	client_mount_done(&m);
	return CLI_FAILED;
}

static int replace(const struct mountinfo_entry *e, struct place *out)
{
	AUTO_BUF error = { 0 };

	if (strcmp(e->type, "fuse.hrfs") != 0) {
		say_error("%s: a dead mount (%s) is there; take it away first: fusermount3 -uz %s", e->mountpoint,
			  e->type, e->mountpoint);
		return CLI_FAILED;
	}
	if (unmount(e->mountpoint, true, &error) < 0) {
		say_error("%s: a dead mount is there and cannot be taken away: %s", e->mountpoint, buf_str(&error));
		return CLI_FAILED;
	}
	exclude_leave_dead(e->dev, e->mountpoint);
	out->replaced = true;
	return CLI_OK;
}

/* One mount at exactly this path. CLI_OK with *more: look again */
static int look_at(const struct mountinfo_entry *e, struct place *out, bool *more)
{
	int r;

	*more = false;
	if (strncmp(e->type, "fuse", 4) != 0)
		return CLI_OK;
	r = probe(e->mountpoint);
	if (r == -ENOTCONN) {
		*more = true;
		return replace(e, out);
	}
	if (r == -ETIMEDOUT) {
		say_error("%s: the mount that is there gives no answer; take it away first: hrfs umount --lazy %s",
			  e->mountpoint, e->mountpoint);
		return CLI_FAILED;
	}
	/* over another FUSE file system one may mount */
	return strcmp(e->type, "fuse.hrfs") == 0 ? already(e) : CLI_OK;
}

static int clear(const char *path, struct place *out)
{
	bool more = true;

	for (int i = 0; more && i < DEAD_MAX; i++) {
		struct mountinfo_entry e;
		int r = mountinfo_topmost(path, &e);

		if (r == -ENOENT)
			return CLI_OK;
		if (r < 0)
			return fail(r);
		r = look_at(&e, out, &more);
		mountinfo_entry_done(&e);
		if (r != CLI_OK)
			return r;
	}
	return CLI_OK;
}

/* Nothing that is dead may lie above a path that is about to be walked. */
static int check_above(const char *path)
{
	struct mountinfo_entry e;
	int r = mountinfo_of_path(path, &e);

	if (r < 0)
		return r == -ENOENT ? CLI_OK : fail(r);
	if (strncmp(e.type, "fuse", 4) == 0 && strcmp(e.mountpoint, path) != 0)
		r = probe(e.mountpoint);
	if (r == -ENOTCONN || r == -ETIMEDOUT)
		say_error("%s lies in %s, a mount that %s; take that away first: hrfs umount --lazy %s", path,
			  e.mountpoint, r == -ENOTCONN ? "is dead" : "gives no answer", e.mountpoint);
	mountinfo_entry_done(&e);
	return r == -ENOTCONN || r == -ETIMEDOUT ? CLI_FAILED : CLI_OK;
}

static int check_mounts(const char *path, bool is_mountpoint, struct place *out)
{
	AUTO_BUF text = { 0 };
	int r = by_text(path, &text);

	if (r < 0)
		return fail(r);
	r = check_above(text.data);
	return r == CLI_OK && is_mountpoint ? clear(text.data, out) : r;
}

/* ---- the two directories ---- */

static int source_wrong(const char *path, int error)
{
	AUTO_BUF word = { 0 };
	size_t len = (size_t)(path_base(path) - path);
	AUTO_FREE char *parent = strndup(path, len > 1 ? len - 1 : len); /* without its slash, but for "/" */

	switch (error) {
	case ENOENT:
		say_error("%s: there is no such directory to mount", path);
		break;
	case ENOTDIR:
		say_word(&word, parent && *parent ? parent : ".");
		say_error("%s is not a directory; mount the one that it lies in: hrfs mount %s", path, buf_str(&word));
		break;
	case EACCES:
		say_error("%s: you may not read it; a tree must be readable to be mounted (see: ls -ld %s)", path,
			  path);
		break;
	default:
		say_error("%s: %s", path, strerror(error));
	}
	return CLI_FAILED;
}

static char *with_links(const char *path)
{
	AUTO_BUF absolute = { 0 };
	AUTO_BUF cwd = { 0 };
	int r = *path == '/' ? 0 : resolve_cwd(&cwd);

	if (r == 0)
		r = *path == '/' ? buf_puts(&absolute, path) : path_join(&absolute, buf_str(&cwd), path);
	return r < 0 ? NULL : buf_take(&absolute);
}

static int check_source(const char *path, struct place *out)
{
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || faccessat(fd, ".", X_OK, AT_EACCESS))
		return source_wrong(path, errno);
	out->source = realpath(path, NULL);
	out->source_path = with_links(path);
	return out->source && out->source_path ? CLI_OK : source_wrong(path, errno);
}

static int mountpoint_wrong(const char *path, int error)
{
	AUTO_BUF word = { 0 };

	say_word(&word, path);
	switch (error) {
	case ENOENT:
		say_error("%s: there is no such directory; make it: mkdir -p %s", path, buf_str(&word));
		break;
	case ENOTDIR:
		say_error("%s is not a directory; a tree can be mounted on directories only", path);
		break;
	case EACCES:
		say_error("%s: you may not go there; choose a directory of your own, such as ~/mnt", path);
		break;
	default:
		say_error("%s: %s", path, strerror(error));
	}
	return CLI_FAILED;
}

/* fusermount3's own rules, checked before, since it says less */
static int check_allowed(const char *path)
{
	struct stat st;

	if (geteuid() == 0)
		return CLI_OK;
	if (stat(path, &st) == 0 && (st.st_mode & S_ISVTX) && st.st_uid != geteuid()) {
		say_error(
			"%s belongs to another user, and its sticky bit is set: you may not mount there; make a directory in it: mkdir %s/hrfs",
			path, path);
		return CLI_FAILED;
	}
	if (access(path, W_OK)) {
		say_error(
			"%s: an ordinary user can mount only on directories that he may write to; choose one of your own, such as ~/mnt",
			path);
		return CLI_FAILED;
	}
	return CLI_OK;
}

static int check_mountpoint(const char *path, struct place *out)
{
	struct stat st;

	if (stat(path, &st))
		return mountpoint_wrong(path, errno);
	if (!S_ISDIR(st.st_mode))
		return mountpoint_wrong(path, ENOTDIR);
	out->mountpoint = realpath(path, NULL);
	return out->mountpoint ? CLI_OK : mountpoint_wrong(path, errno);
}

/* ---- how they lie to each other ---- */

static bool is_same(const char *path, const struct stat *as)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == as->st_dev && st.st_ino == as->st_ino;
}

/* Is dir one of the directories above path? By identity: a bind mount has another name. */
static bool lies_in(const char *path, const char *dir)
{
	AUTO_FREE char *above = strdup(path);
	struct stat st;
	char *slash;

	if (!above || stat(dir, &st))
		return false;
	while ((slash = strrchr(above, '/')) && above[1]) {
		slash[slash == above] = '\0';
		if (is_same(above, &st))
			return true;
	}
	return false;
}

static int check_relation(struct place *p)
{
	AUTO_BUF word = { 0 };
	struct stat st;

	say_word(&word, p->source);
	if (lies_in(p->mountpoint, p->source)) {
		say_error(
			"%s lies inside %s, which would then contain itself; mount the tree over itself: hrfs mount %s",
			p->mountpoint, p->source, buf_str(&word));
		return CLI_FAILED;
	}
	if (lies_in(p->source, p->mountpoint)) {
		say_error("%s would hide %s, which lies inside it; mount the tree over itself: hrfs mount %s",
			  p->mountpoint, p->source, buf_str(&word));
		return CLI_FAILED;
	}
	if (stat(p->source, &st) == 0 && is_same(p->mountpoint, &st))
		p->in_place = true;
	return CLI_OK;
}

int place_find(const char *source, const char *mountpoint, struct place *out)
{
	const char *over = mountpoint ? mountpoint : source;
	int r = mountpoint ? check_mounts(source, false, out) : CLI_OK;

	if (r == CLI_OK)
		r = check_mounts(over, true, out);
	if (r == CLI_OK)
		r = check_source(source, out);
	if (r == CLI_OK)
		r = check_mountpoint(over, out);
	if (r == CLI_OK)
		r = check_relation(out);
	return r == CLI_OK ? check_allowed(out->mountpoint) : r;
}
