#include "fs/files_of_mount.h"
#include "core/base/path.h"
#include "core/git_exclude_note.h"
#include "core/json.h"
#include "core/rundir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int put(char *to, const char *dir, dev_t dev, const char *kind)
{
	AUTO_BUF path = { 0 };
	int r = rundir_file(&path, dir, dev, kind);

	if (r < 0)
		return r;
	if (path.len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(to, path.data, path.len + 1);
	return 0;
}

int files_of_mount_check(const struct worker_config *c, struct buf *error)
{
	AUTO_BUF dir = { 0 };
	char real[PATH_MAX];

	/* other failures are told when the files are made */
	if (rundir_own(&dir) < 0 || !realpath(dir.data, real) || !path_is_below(real, c->mountpoint))
		return 0;
	buf_printf(error, "%s: the mount's own socket and log would lie below it, in %s; set XDG_RUNTIME_DIR to a directory elsewhere",
		   c->mountpoint, real);
	return -EINVAL;
}

static void description_path(const struct worker_config *c, char *path)
{
	size_t stem = strlen(c->socket_path) - strlen("sock");

	snprintf(path, PATH_MAX, "%.*sjson", (int)stem, c->socket_path);
}

int files_of_mount_prepare(struct worker_config *c, dev_t dev, struct buf *error)
{
	AUTO_BUF dir = { 0 };
	char path[PATH_MAX];
	int r = rundir_own(&dir);

	if (r < 0) {
		buf_printf(error, "%s: %s (it must be a directory of yours that others may not write to)", buf_str(&dir),
			   strerror(-r));
		return r;
	}
	r = put(c->socket_path, dir.data, dev, "sock");
	if (r == 0)
		r = put(c->log_path, dir.data, dev, "log");
	if (r < 0)
		return r;
	/*
	 * A mount with this number that was killed with its keeper leaves them behind; one that is ending
	 * just now sees by the missing description that they are no longer its own.
	 */
	description_path(c, path);
	unlink(path);
	unlink(c->socket_path);
	unlink(c->log_path);
	return 0;
}

/* The kernel gives a mount's number to the next one as soon as it is gone, before its keeper hears of it. */
static bool are_own(const struct worker_config *c, const char *description)
{
	char text[32768];
	const char *why;
	AUTO_FD fd = open(description, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	json_t *o = n < 0 ? NULL : json_parse(text, (size_t)n, &why);
	bool own = json_integer_value(json_object_get(o, "pid")) == c->keeper_pid;

	json_decref(o);
	return own;
}

void files_of_mount_remove(const struct worker_config *c)
{
	char path[PATH_MAX];

	if (!*c->socket_path)
		return;
	description_path(c, path);
	if (!are_own(c, path))
		return;
	git_exclude_forget(c->socket_path, c->mountpoint);
	unlink(path);
	unlink(c->socket_path);
	/* the log stays: it says why the mount ended; the next mount with this number removes it */
}
