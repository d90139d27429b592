#include "fs/caller.h"
#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local struct {
	mode_t umask;
	bool changed; /* file system ids are not the daemon's own */
	struct __user_cap_data_struct caps[2];
} me;

/* What the lower grants to root's programs without a question of owners. */
#define LIFTS_QUOTA (1U << CAP_SYS_RESOURCE)
#define SEES_TRUSTED (1U << CAP_SYS_ADMIN)

/* Only file system ids ever change: this is asked for each request, and of the kernel once. */
bool caller_privileged(void)
{
	static _Atomic uid_t own = (uid_t)-1;

	if (own == (uid_t)-1)
		own = geteuid();
	return own == 0;
}

static int capabilities_get(struct __user_cap_data_struct caps[static 2])
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capget, &head, caps) ? -errno : 0;
}

static int capabilities_set(const struct __user_cap_data_struct caps[static 2])
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capset, &head, caps) ? -errno : 0;
}

int caller_thread_init(void)
{
	if (unshare(CLONE_FS))
		return -errno;
	me.umask = 0;
	umask(0);
	return caller_privileged() ? capabilities_get(me.caps) : 0;
}

/*
 * Leaving uid 0 takes the rights over files away, also those to walk to where the file is to be made:
 * the kernel has already decided that the caller may (default_permissions), with all of the caller's
 * groups, which are not ours.
 */
static void become(uid_t uid, gid_t gid, unsigned more, unsigned less)
{
	struct __user_cap_data_struct caps[2];

	setfsgid(gid);
	setfsuid(uid);
	if (uid == 0 || capabilities_get(caps))
		return;
	caps[0].effective |= 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH | more;
	caps[0].effective &= ~less;
	capabilities_set(caps);
}

void caller_enter(uid_t uid, gid_t gid, mode_t mask)
{
	if (mask != me.umask) {
		me.umask = mask;
		umask(mask);
	}
	if (!caller_privileged() || (uid == 0 && gid == 0))
		return;
	become(uid, gid, 0, LIFTS_QUOTA);
	me.changed = true;
}

void caller_enter_limits(uid_t uid, gid_t gid)
{
	if (!caller_privileged() || uid == 0 || uid == (uid_t)-1)
		return;
	/* setuid and setgid are taken away when the kernel asks for it, not by the lower */
	become(uid, gid, 1U << CAP_FSETID, LIFTS_QUOTA | SEES_TRUSTED);
	me.changed = true;
}

void caller_leave(void)
{
	if (!me.changed)
		return;
	setfsuid(0);
	setfsgid(0);
	capabilities_set(me.caps);
	me.changed = false;
}

/* The numbers behind "Groups:", to the end of that line. */
static bool is_listed(FILE *status, gid_t group)
{
	char word[32];

	/* the first line is the program's name, which may say anything */
	if (fscanf(status, "%*[^\n]") < 0)
		return false;
	while (fscanf(status, "%31s", word) == 1) {
		if (strcmp(word, "Groups:") == 0)
			break;
	}
	while (fscanf(status, "%31s", word) == 1 && isdigit((unsigned char)*word)) {
		if (strtoul(word, NULL, 10) == group)
			return true;
	}
	return false;
}

bool caller_is_in_group(pid_t tid, gid_t own, gid_t group)
{
	char path[64];
	FILE *status;
	bool found;

	if (own == group)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	status = fopen(path, "re");
	if (!status)
		return false;
	found = is_listed(status, group);
	fclose(status);
	return found;
}
