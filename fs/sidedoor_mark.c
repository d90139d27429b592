#include "fs/sidedoor_mark.h"
#include "core/base/log.h"
#include "fs/feature.h"
#include "fs/lower.h"
#include "fs/sidedoor_event.h"
#include "fs/sidedoor_inotify.h"
#include "fs/shared.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200 /* since 6.5: a handle that tells apart and need not be opened again */
#endif

#define OF_FILE (FAN_MODIFY | FAN_ATTRIB | FAN_CLOSE_WRITE)
#define OF_DIR (OF_FILE | FAN_CREATE | FAN_DELETE | FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR | FAN_EVENT_ON_CHILD)

/* <linux/magic.h> lacks some of them, or has them only where the kernel was built so. */
#define MAGIC_CIFS 0xff534d42
#define MAGIC_SMB2 0xfe534d42
#define MAGIC_NFS 0x6969
#define MAGIC_9P 0x01021997
#define MAGIC_CEPH 0x00c36400
#define MAGIC_AFS 0x5346414f
#define MAGIC_XFS 0x58465342

/* Another host changes it: a mark succeeds there and proves nothing. */
static const char *network(long type)
{
	static const struct {
		unsigned magic;
		const char *name;
	} known[] = {
		{ FUSE_SUPER_MAGIC, "fuse" }, { MAGIC_CIFS, "cifs" }, { MAGIC_SMB2, "cifs" }, { MAGIC_NFS, "nfs" },
		{ MAGIC_9P, "9p" },	      { MAGIC_CEPH, "ceph" }, { MAGIC_AFS, "afs" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if ((unsigned)type == known[i].magic)
			return known[i].name;
	}
	return NULL;
}

/*
 * A disk of our own, or memory: who changes it does so through this kernel, and by way of the object that is marked.
 * Not those that lie over others (overlay): an object there may become another one below.
 */
static bool tells_all(long type)
{
	static const unsigned known[] = { EXT4_SUPER_MAGIC, MAGIC_XFS, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, F2FS_SUPER_MAGIC };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if ((unsigned)type == known[i])
			return true;
	}
	return false;
}

/* ---- the keeper ---- */

static int make_group(struct worker_config *c)
{
	unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME | FAN_REPORT_FID;
	unsigned more =
		FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS; /* root's; a user has 16,384 events, and a budget of marks */
	int fd = -1;

	if (feature_wanted(FEATURE_FANOTIFY_TARGET)) {
		fd = fanotify_init(flags | FAN_REPORT_TARGET_FID | more, 0);
		if (fd < 0)
			fd = fanotify_init(flags | FAN_REPORT_TARGET_FID, 0);
		c->sidedoor_renames = fd >= 0;
	}
	if (fd < 0)
		fd = fanotify_init(flags | more, 0);
	if (fd < 0)
		fd = fanotify_init(flags, 0);
	return fd < 0 ? -errno : fd;
}

static void refuse(struct worker_config *c, const char *why)
{
	c->sidedoor = SIDEDOOR_NONE;
	snprintf(c->sidedoor_why, sizeof(c->sidedoor_why), "%s", why);
	snprintf(c->short_why, sizeof(c->short_why), "%s", why);
	log_info("event=sidedoor how=timeout why=\"%s\"", why);
}

/* Whether what is watched may be believed for long. */
static void prepare_cache(struct worker_config *c, const struct statfs *fs)
{
	if (!feature_wanted(FEATURE_LONG_CACHE))
		snprintf(c->short_why, sizeof(c->short_why), "switched off");
	else if (!tells_all(fs->f_type))
		snprintf(c->short_why, sizeof(c->short_why), "a file system that may not tell everything (%#lx)",
			 (unsigned long)fs->f_type);
	else
		c->long_cache = 1;
}

/* It does not tell who it was, so nothing that it tells is certain enough to be believed for long. */
static void prepare_inotify(struct worker_config *c, const char *why)
{
	int group = inotify_group();

	snprintf(c->sidedoor_why, sizeof(c->sidedoor_why), "fanotify: %s", why);
	snprintf(c->short_why, sizeof(c->short_why), "by inotify only; fanotify: %s", why);
	if (group < 0) {
		refuse(c, strerror(-group));
		return;
	}
	c->sidedoor_group = group;
	c->sidedoor = SIDEDOOR_INOTIFY;
	log_info("event=sidedoor how=inotify why=\"%s\"", c->sidedoor_why);
}

void sidedoor_prepare(struct worker_config *c)
{
	struct statfs fs;
	char why[64];
	int group;

	if (c->sidedoor_off) {
		refuse(c, "switched off");
		return;
	}
	if (fstatfs(c->root_fd, &fs)) {
		refuse(c, strerror(errno));
		return;
	}
	if (network(fs.f_type)) {
		snprintf(why, sizeof(why), "a network file system: %s", network(fs.f_type));
		refuse(c, why);
		return;
	}
	group = feature_wanted(FEATURE_FANOTIFY) ? make_group(c) : -ENOSYS;
	if (group < 0) {
		prepare_inotify(c, feature_wanted(FEATURE_FANOTIFY) ? strerror(-group) : "switched off");
		return;
	}
	c->sidedoor_group = group;
	c->sidedoor = SIDEDOOR_FANOTIFY;
	prepare_cache(c, &fs);
}

/* ---- keys ---- */

struct handle {
	char fsid[8];
	struct file_handle head;
	unsigned char bytes[MAX_HANDLE_SZ];
};

static int handle_of(int fd, struct handle *h)
{
	static atomic_bool older; /* the kernel knows no AT_HANDLE_FID */
	int mount, flags = atomic_load(&older) ? 0 : AT_HANDLE_FID;

	for (;;) {
		h->head.handle_bytes = MAX_HANDLE_SZ;
		if (name_to_handle_at(fd, "", &h->head, &mount, AT_EMPTY_PATH | flags) == 0)
			return 0;
		if (errno != EINVAL || !flags)
			return -errno;
		atomic_store(&older, true);
		flags = 0;
	}
}

int mark_key(int fd, struct hash *key, bool *sure)
{
	struct handle h;
	struct statfs fs;
	int r;

	if (fstatfs(fd, &fs))
		return -errno;
	if (network(fs.f_type))
		return -EOPNOTSUPP;
	if (sidedoor_guesses()) {
		if (sure)
			*sure = false;
		return inotify_mark(shared->config.sidedoor_group, fd, key);
	}
	r = handle_of(fd, &h);
	if (r < 0)
		return r;
	memcpy(h.fsid, &fs.f_fsid, sizeof(h.fsid));
	*key = event_key(h.fsid, sizeof(h.fsid) + sizeof(h.head) + h.head.handle_bytes);
	if (sure)
		*sure = tells_all(fs.f_type);
	return 0;
}

/* ---- marks ---- */

const char *sidedoor_budget(void)
{
	return sidedoor_guesses() ? "fs.inotify.max_user_watches" : "fs.fanotify.max_user_marks";
}

static uint64_t mask_of(bool is_dir)
{
	if (!is_dir)
		return OF_FILE;
	return OF_DIR | (shared->config.sidedoor_renames ? FAN_RENAME : FAN_MOVED_FROM | FAN_MOVED_TO);
}

static int change(unsigned how, int fd, uint64_t mask)
{
	char path[FD_PATH_SIZE];

	return fanotify_mark(shared->config.sidedoor_group, how | FAN_MARK_INODE, mask, AT_FDCWD, fd_path(fd, path))
		       ? -errno
		       : 0;
}

bool sidedoor_guesses(void)
{
	return shared->config.sidedoor == SIDEDOOR_INOTIFY;
}

int mark_make(int fd, bool is_dir)
{
	if (sidedoor_guesses())
		return 0; /* it has been, or there would be no key */
	return change(FAN_MARK_ADD, fd, mask_of(is_dir));
}

void mark_remove(int fd)
{
	if (sidedoor_guesses()) {
		inotify_unmark(shared->config.sidedoor_group, fd);
		return;
	}
	/* what is not marked as a directory has a part of its mask: the rest is not there, and does no harm */
	change(FAN_MARK_REMOVE, fd, mask_of(true));
}
