#include "fs/files_of_mount.h"
#include "core/git_exclude_note.h"
#include "core/rundir.h"
#include <errno.h>
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

int files_of_mount_prepare(struct worker_config *c, dev_t dev, struct buf *error)
{
	AUTO_BUF dir = { 0 };
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
	/* a mount with this number that was killed with its keeper leaves them behind */
	unlink(c->socket_path);
	unlink(c->log_path);
	return 0;
}

static void description_path(const struct worker_config *c, char *path)
{
	size_t stem = strlen(c->socket_path) - strlen("sock");

	snprintf(path, PATH_MAX, "%.*sjson", (int)stem, c->socket_path);
}

void files_of_mount_remove(const struct worker_config *c)
{
	char path[PATH_MAX];

	if (!*c->socket_path)
		return;
	git_exclude_forget(c->socket_path, c->mountpoint);
	description_path(c, path);
	unlink(path);
	unlink(c->socket_path);
	/* the log stays: it says why the mount ended; the next mount with this number removes it */
}
