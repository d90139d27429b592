#include "cli/remount.h"
#include "cli/cli.h"
#include "cli/say.h"
#include "core/base/cleanup.h"
#include "core/base/mountinfo.h"
#include "core/base/mountpoint.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define ACCESS_TIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

static const struct flag {
	const char *on, *off;
	unsigned long bit;
} flags[] = {
	{ "ro", "rw", MS_RDONLY },
	{ "nosuid", "suid", MS_NOSUID },
	{ "nodev", "dev", MS_NODEV },
	{ "noexec", "exec", MS_NOEXEC },
	{ "noatime", "atime", MS_NOATIME },
	{ "nodiratime", "diratime", MS_NODIRATIME },
	{ "relatime", "norelatime", MS_RELATIME },
	{ "strictatime", "nostrictatime", MS_STRICTATIME },
	{ "sync", "async", MS_SYNCHRONOUS },
	{ "dirsync", "", MS_DIRSYNC },
};

static void set(unsigned long *bits, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const struct flag *f = &flags[i];

		if (strcmp(f->on, word) == 0) {
			*bits &= ~(f->bit & ACCESS_TIMES ? (unsigned long)ACCESS_TIMES : 0);
			*bits |= f->bit;
		} else if (strcmp(f->off, word) == 0) {
			*bits &= ~f->bit;
		}
	}
}

static int change(const char *path, unsigned long bits)
{
	AUTO_FD at = mountpoint_open(path);
	char fd[32];

	if (at < 0)
		return at;
	snprintf(fd, sizeof(fd), "/proc/self/fd/%d", at);
	return mount(NULL, fd, NULL, MS_REMOUNT | bits, NULL) ? -errno : 0;
}

int remount(const char *mountpoint, const struct strv *options)
{
	AUTO_FREE char *path = realpath(mountpoint, NULL);
	struct mountinfo_entry e;
	unsigned long bits = MS_NOSUID | MS_NODEV; /* as when it is mounted */
	int r = path ? mountinfo_topmost(path, &e) : -errno;

	if (r < 0) {
		say_error("%s: %s", mountpoint, path && r == -ENOENT ? "nothing is mounted there" : strerror(-r));
		return CLI_FAILED;
	}
	r = strncmp(e.type, "fuse", 4) == 0 ? 0 : -EINVAL;
	mountinfo_entry_done(&e);
	for (size_t i = 0; i < options->count; i++)
		set(&bits, options->items[i]);
	if (r == 0)
		r = change(path, bits);
	if (r < 0)
		say_error("%s: %s", mountpoint, strerror(-r));
	return r < 0 ? CLI_FAILED : CLI_OK;
}
