#include "fs/ready.h"
#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/json.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Paths are bytes, JSON is not: others than UTF-8 come as U+FFFD, with the bytes beside them where it matters. */
static json_t *describe(const struct worker_config *c, dev_t dev)
{
	char device[32];

	snprintf(device, sizeof(device), "%u:%u", major(dev), minor(dev));
	return json_pack("{s:b,s:o,s:s,s:i,s:o,s:b,s:o,s:o}", "ok", 1, "socket", json_bytes(c->socket_path), "device",
			 device, "pid", c->keeper_pid, "log", json_bytes(c->log_path), "allow_other", c->allow_other,
			 "mountpoint", json_bytes(c->mountpoint), "source", json_bytes(c->source));
}

static int tell(int fd, json_t *o)
{
	AUTO_FREE char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int r = 0;

	if (!text)
		return -ENOMEM;
	if (fd >= 0)
		r = dprintf(fd, "%s\n", text) < 0 ? -errno : 0;
	return r;
}

void ready_failed(int fd, int error, const char *text)
{
	json_t *o;

	if (fd < 0) {
		log_error("%s", text);
		return;
	}
	o = json_pack("{s:b,s:o,s:s}", "ok", 0, "error", json_bytes(text), "errno", strerrorname_np(-error));
	tell(fd, o);
	json_decref(o);
	close(fd);
}

static int store(const struct worker_config *c, json_t *o)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%.*sjson", (int)(strlen(c->socket_path) - strlen("sock")), c->socket_path);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	tell(fd, o);
	close(fd);
	return 0;
}

int ready_ok(int fd, const struct worker_config *c, dev_t dev)
{
	json_t *o = describe(c, dev);
	int r = o ? store(c, o) : -ENOMEM;

	if (r == 0)
		r = tell(fd, o);
	json_decref(o);
	if (fd >= 0)
		close(fd);
	return r;
}
