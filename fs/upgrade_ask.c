#include "fs/upgrade_ask.h"
#include "core/base/cleanup.h"
#include "fs/control.h"
#include "fs/shared.h"
#include "fs/slow.h"
#include "fs/version.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define SLOW_NS 1000000000LL

static const char *const words[] = {
	[UPGRADE_ASKED] = "asked",     [UPGRADE_UNDER_WAY] = "under way", [UPGRADE_DONE] = "done",
	[UPGRADE_REFUSED] = "refused", [UPGRADE_FAILED] = "failed",
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint32_t state(void)
{
	return __atomic_load_n(&shared->upgrade.state, __ATOMIC_ACQUIRE);
}

static const char *obstacle(const char *worker, const char *git)
{
	int64_t oldest = slow_oldest_ns();

	if (!shared->config.takeover)
		return "this mount ends with its worker (no_takeover), so nobody can take over: unmount, and mount again";
	if (state() == UPGRADE_ASKED || state() == UPGRADE_UNDER_WAY)
		return "an upgrade of this mount is under way already";
	/* its worker could not be stopped, and everybody would wait */
	if (oldest && now_ns() - oldest > SLOW_NS)
		return "the file system behind the mount hangs (hrfs status shows what waits for it): upgrade when it answers again";
	return strlen(worker) < PATH_MAX && strlen(git) < PATH_MAX ? NULL : "a path is too long";
}

static int send_paths(int control, const char *worker, const char *git, uint64_t id)
{
	AUTO_FD fd = memfd_create("hrfs-upgrade", MFD_CLOEXEC);
	size_t first = strlen(worker) + 1, second = strlen(git) + 1;

	if (fd < 0 || write(fd, worker, first) != (ssize_t)first || write(fd, git, second) != (ssize_t)second)
		return -EIO;
	return control_send(control, CONTROL_UPGRADE, id, fd);
}

const char *upgrade_plan(const char *worker, const char *git, uint64_t *id)
{
	const char *why = obstacle(worker, git);

	if (why)
		return why;
	*id = ++shared->upgrade.id;
	__atomic_store_n(&shared->upgrade.state, UPGRADE_ASKED, __ATOMIC_RELEASE);
	return NULL;
}

void upgrade_begin(int control, const char *worker, const char *git)
{
	if (send_paths(control, worker, git, shared->upgrade.id) == 0)
		return;
	strcpy(shared->upgrade.why, "the mount's keeper cannot be asked");
	__atomic_store_n(&shared->upgrade.state, UPGRADE_REFUSED, __ATOMIC_RELEASE);
}

void upgrade_add_status(json_t *o)
{
	uint32_t s = state();
	json_t *u;

	json_object_set_new(o, "hrfs-version", json_string(FS_VERSION));
	json_object_set_new(o, "keeper_version", json_string(shared->keeper_version));
	if (s == UPGRADE_NONE || s >= ARRAY_SIZE(words))
		return;
	u = json_pack("{s:I,s:s}", "id", (json_int_t)shared->upgrade.id, "state", words[s]);
	if (s == UPGRADE_REFUSED || s == UPGRADE_FAILED)
		json_set_bytes(u, "error", shared->upgrade.why);
	json_object_set_new(o, "upgrade", u);
}
