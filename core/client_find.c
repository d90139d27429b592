/* Finding mounts: by mountinfo and by what is written beside the sockets, never by asking a mount. */
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/base/proc.h"
#include "core/client.h"
#include "core/resolve.h"
#include "core/rundir.h"
#include "core/socket_address.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DESCRIPTION_MAX (64 * 1024)
#define DIRS_MAX 1000

void client_mount_done(struct client_mount *m)
{
	free(m->socket);
	free(m->mountpoint);
	free(m->source);
	free(m->log);
	*m = (struct client_mount){ 0 };
}

/* ---- one description ---- */

/* The whole file; -EPERM when it is another's than `owner`'s or may be written to by others. */
static int read_description(const char *path, uid_t owner, struct buf *out)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (st.st_mode & 022) || (st.st_uid != owner && st.st_uid != 0))
		return -EPERM;
	r = buf_reserve(out, DESCRIPTION_MAX);
	if (r < 0)
		return r;
	n = read(fd, out->data, DESCRIPTION_MAX);
	if (n < 0)
		return -errno;
	out->len = (size_t)n;
	out->data[n] = '\0';
	return 0;
}

static int fill(struct client_mount *m, const json_t *o, const char *dir, const struct mountinfo_entry *e)
{
	AUTO_BUF socket = { 0 };
	int r = rundir_file(&socket, dir, e->dev, "sock");

	if (r < 0)
		return r;
	*m = (struct client_mount){
		.socket = buf_take(&socket),
		.mountpoint = strdup(e->mountpoint),
		.source = json_get_bytes(o, "source"),
		.log = json_get_bytes(o, "log"),
		.keeper_pid = (int)json_integer_value(json_object_get(o, "pid")),
		.allow_other = json_is_true(json_object_get(o, "allow_other")),
	};
	if (m->mountpoint && m->source && m->log)
		return 0;
	client_mount_done(m);
	return -EPROTO;
}

/* user_id= among a FUSE mount's options: who has made it, as the kernel knows it */
static uid_t owner_of_mount(const struct mountinfo_entry *e)
{
	const char *p = strstr(e->options, "user_id=");

	return p ? (uid_t)strtoul(p + strlen("user_id="), NULL, 10) : 0;
}

/* The description of a mount in one directory. 0; -ENOENT, -EPERM, -errno */
static int load(const char *dir, const struct mountinfo_entry *e, struct client_mount *m)
{
	AUTO_BUF path = { 0 };
	AUTO_BUF text = { 0 };
	const char *why;
	json_t *o;
	int r = rundir_file(&path, dir, e->dev, "json");

	if (r == 0)
		r = read_description(path.data, owner_of_mount(e), &text);
	if (r < 0)
		return r;
	o = json_parse(text.data, text.len, &why);
	r = fill(m, o, dir, e);
	json_decref(o);
	return r;
}

/* -EPERM only when it was found nowhere else. */
static int load_from_any(const struct mountinfo_entry *e, struct client_mount *m)
{
	int answer = -ENOENT;

	for (unsigned n = 0; n < DIRS_MAX; n++) {
		AUTO_BUF dir = { 0 };
		int r = rundir_nth(n, &dir);

		if (r < 0)
			break;
		r = load(dir.data, e, m);
		if (r != -ENOENT)
			answer = r;
		if (r == 0)
			break;
	}
	return answer;
}

/*
 * A keeper whose parent does not reap it is still there as a zombie, and its number may be another's by now.
 * One that is in another pid namespace cannot be asked by its pid: then its socket is.
 */
static bool is_alive(const struct client_mount *m)
{
	struct proc_stat st;
	int fd;

	if (m->keeper_pid > 0 && proc_stat(m->keeper_pid, &st) == 0 && st.state != 'Z' &&
	    strcmp(st.name, "hrfs-fs") == 0)
		return true;
	fd = socket_connect(m->socket);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* ---- the mount of a path ---- */

/* a subtype may be named by the user, the kind of file system may not */
static bool is_fuse(const struct mountinfo_entry *e)
{
	return strncmp(e->type, "fuse", 4) == 0;
}

static bool is_ours(const struct mountinfo_entry *e)
{
	return strcmp(e->type, "fuse.hrfs") == 0;
}

static int mount_is_dead(const char *mountpoint, struct buf *error)
{
	buf_printf(error, "%s: the mount is dead; 'hrfs umount --lazy %s' takes it away", mountpoint, mountpoint);
	return -ENOTCONN;
}

/* e: the mount that a path lies in. -ENOENT: not one of hrfs's */
static int describe(const struct mountinfo_entry *e, struct client_mount *out, struct buf *error)
{
	uid_t owner = owner_of_mount(e);
	int r = is_fuse(e) ? load_from_any(e, out) : -ENOENT;

	if (r == 0 && !is_alive(out)) {
		client_mount_done(out);
		return mount_is_dead(e->mountpoint, error);
	}
	if (r == 0 || (r == -ENOENT && !is_ours(e)))
		return r;
	if ((r == -ENOENT || r == -EACCES || r == -EPERM) && owner != geteuid() && geteuid() != 0) {
		buf_printf(error, "%s: mounted by user %u; ask as that user or as root", e->mountpoint, owner);
		return -EPERM;
	}
	if (r == -ENOENT)
		return mount_is_dead(e->mountpoint, error);
	buf_printf(error, "%s: the mount's description cannot be used: %s", e->mountpoint, strerror(-r));
	return r;
}

static int by_mountpoint(const char *path, struct client_mount *out, struct buf *error)
{
	struct mountinfo_entry e;
	int r = mountinfo_of_path(path, &e);

	if (r < 0)
		return r;
	r = describe(&e, out, error);
	mountinfo_entry_done(&e);
	return r;
}

struct by_source {
	const char *path;
	struct client_mount best; /* socket NULL: none yet */
	struct buf also;	  /* ", on MNT" of each further mount of the same source */
};

static int copy(struct client_mount *to, const struct client_mount *from)
{
	client_mount_done(to);
	*to = (struct client_mount){
		.socket = strdup(from->socket),
		.mountpoint = strdup(from->mountpoint),
		.source = strdup(from->source),
		.log = strdup(from->log),
		.keeper_pid = from->keeper_pid,
		.allow_other = from->allow_other,
	};
	if (to->socket && to->mountpoint && to->source && to->log)
		return 0;
	client_mount_done(to);
	return -ENOMEM;
}

/* The longest source that the path is or lies in. */
static int consider_source(const struct client_mount *m, void *arg)
{
	struct by_source *s = arg;
	size_t best = s->best.socket ? strlen(s->best.source) : 0;

	if (strcmp(s->path, m->source) != 0 && !path_is_below(s->path, m->source))
		return 0;
	if (best > strlen(m->source))
		return 0;
	if (best == strlen(m->source))
		return buf_printf(&s->also, ", on %s", m->mountpoint);
	buf_truncate(&s->also, 0);
	return copy(&s->best, m);
}

static int by_source(const char *path, struct client_mount *out, struct buf *error)
{
	struct by_source s = { .path = path };
	int r = client_each_mount(consider_source, &s);

	if (r == 0 && !s.best.socket) {
		buf_printf(error,
			   "%s is in no hrfs mount; make one with 'hrfs mount SRC MNT', or 'hrfs run' in the project",
			   path);
		r = -ENOENT;
	} else if (r == 0 && s.also.len) {
		buf_printf(error, "%s is mounted more than once: on %s%s; say which one: cd to it, or name it",
			   s.best.source, s.best.mountpoint, s.also.data);
		r = -ENOTUNIQ;
	}
	buf_done(&s.also);
	if (r == 0)
		*out = s.best;
	else
		client_mount_done(&s.best);
	return r;
}

int client_find(const char *path, struct client_mount *out, struct buf *error)
{
	AUTO_BUF absolute = { 0 };
	AUTO_BUF real = { 0 };
	AUTO_BUF cwd = { 0 };
	int r = path && *path == '/' ? 0 : resolve_cwd(&cwd);

	if (r == 0)
		r = path_absolute(&absolute, buf_str(&cwd), path ? path : "");
	/* by the words first: a mount made on a link's name would be missed by following it */
	if (r == 0)
		r = by_mountpoint(absolute.data, out, error);
	if (r != -ENOENT)
		goto end;
	r = resolve_links(&real, absolute.data);
	if (r == 0)
		r = by_mountpoint(real.data, out, error);
	if (r == -ENOENT)
		r = by_source(real.data, out, error);
end:
	if (r < 0 && error->len == 0)
		buf_printf(error, "%s: %s", path ? path : ".", strerror(-r));
	return r;
}

/* ---- all mounts ---- */

struct each {
	int (*fn)(const struct client_mount *m, void *arg);
	void *arg;
	dev_t *seen; /* a mount that is bound elsewhere too is listed twice in mountinfo */
	size_t count;
};

static bool seen_before(struct each *each, dev_t dev)
{
	dev_t *seen;

	for (size_t i = 0; i < each->count; i++) {
		if (each->seen[i] == dev)
			return true;
	}
	seen = reallocarray(each->seen, each->count + 1, sizeof(*seen));
	if (seen) {
		each->seen = seen;
		seen[each->count++] = dev;
	}
	return false;
}

static int visit(const struct mountinfo_entry *e, void *arg)
{
	struct each *each = arg;
	struct client_mount m;
	int r = 0;

	if (!is_fuse(e) || seen_before(each, e->dev) || load_from_any(e, &m) < 0)
		return 0;
	if (is_alive(&m))
		r = each->fn(&m, each->arg);
	client_mount_done(&m);
	return r;
}

int client_each_mount(int (*fn)(const struct client_mount *m, void *arg), void *arg)
{
	struct each each = { .fn = fn, .arg = arg };
	int r = mountinfo_each(visit, &each);

	free(each.seen);
	return r;
}
