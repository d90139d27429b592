#include "supervisor/job/witness.h"
#include "core/base/mountinfo.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define TYPE "fuse.hrfs"

/* ---- whose mount it is ---- */

struct wanted {
	int id; /* of the mount, as the kernel counts them */
	bool found, own;
};

/* the kernel's own words, which whoever mounts through fusermount3 cannot choose */
static bool belongs_to(const struct mountinfo_entry *e, uid_t user)
{
	const char *owner = strstr(e->options, ",user_id=");
	unsigned id;

	return owner && sscanf(owner, ",user_id=%u", &id) == 1 && id == user;
}

static int compare(const struct mountinfo_entry *e, void *arg)
{
	struct wanted *w = arg;

	if (e->id != w->id)
		return 0;
	w->found = true;
	/* a part of it, mounted elsewhere, is not what the supervisor means */
	w->own = strcmp(e->type, TYPE) == 0 && strcmp(e->root, "/") == 0 && (getuid() == 0 || belongs_to(e, getuid()));
	return 1;
}

/*
 * Asked of the descriptor, never of the path again: what somebody mounts or links there meanwhile is not what was
 * opened, and what was opened is what is marked.
 */
static int check(int fd, const char *mountpoint, struct buf *why)
{
	struct wanted w = { 0 };
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &x) || !(x.stx_mask & STATX_MNT_ID)) {
		buf_puts(why, "the kernel does not tell mounts apart (5.8 does)");
		return -ENOTSUP;
	}
	w.id = (int)x.stx_mnt_id;
	mountinfo_each(compare, &w);
	if (w.own)
		return 0;
	buf_printf(why, "%s is no mount of hrfs%s", mountpoint, w.found ? " that is this user's" : "");
	return -EPERM;
}

/* ---- the mark ---- */

static int new_group(void)
{
	unsigned flags = FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE | FAN_CLOEXEC | FAN_NONBLOCK;

	return fanotify_init(flags, O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
}

static int refuse(struct buf *why, const char *what)
{
	int error = errno;

	if (error == EPERM && getuid() == 0)
		buf_puts(why, "root may not do it here: it has not the capability cap_sys_admin");
	else if (error == EPERM)
		buf_puts(why, "hrfs-job has not the capability for it (setcap cap_sys_admin+ep, as an installation does)");
	else
		buf_printf(why, "%s: %s", what, strerror(error));
	return -error;
}

/* the group, which marks nothing yet, and the namespace. -errno */
static int begin(struct buf *why)
{
	AUTO_FD events = new_group();

	if (events < 0)
		return refuse(why, "fanotify_init");
	/* slave: what is mounted or unmounted outside arrives, what the job does does not leave, except where / is no
	 * mount (a chroot): there it does, as without the namespace */
	if (unshare(CLONE_NEWNS) || (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) && errno != EINVAL))
		return refuse(why, "a mount namespace of its own");
	return take_fd(&events);
}

int witness_probe(struct buf *why)
{
	AUTO_FD events = begin(why);

	return events < 0 ? events : 0;
}

int witness_begin(const char *mountpoint, int *group, struct buf *why)
{
	AUTO_FD events = begin(why);
	AUTO_FD mount_fd = -1;
	int r;

	if (events < 0)
		return events;
	/* the copy: the path led to the original until now */
	mount_fd = open(mountpoint, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (mount_fd < 0)
		return refuse(why, mountpoint);
	r = check(mount_fd, mountpoint, why);
	if (r < 0)
		return r;
	/* "." of it: by no path, and a descriptor alone would have to be one that opens */
	if (fanotify_mark(events, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN | FAN_OPEN_EXEC | FAN_ONDIR, mount_fd, "."))
		return refuse(why, "fanotify_mark");
	*group = take_fd(&events);
	return 0;
}

void witness_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (getuid() == 0)
		return; /* nothing was given to it that it had not */
	if (syscall(SYS_capset, &head, none)) {
		fprintf(stderr, "hrfs-job: a capability cannot be given away: %s\n", strerror(errno));
		_exit(125);
	}
	/* a process that has gained something is closed to its own user, who must see what it does */
	prctl(PR_SET_DUMPABLE, 1);
}

static void send_with(int control, struct iovec *text, const int fds[static 2])
{
	char space[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct msghdr m = { .msg_iov = text, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
	sendmsg(control, &m, MSG_NOSIGNAL);
}

void witness_tell(int control, int group, const char *why)
{
	AUTO_FD namespace = group < 0 ? -1 : open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	char text[512] = "witness";
	struct iovec iov = { .iov_base = text };

	if (group >= 0 && namespace < 0)
		why = "/proc is not there";
	if (namespace < 0)
		snprintf(text, sizeof(text), "unwitnessed %.400s", why);
	iov.iov_len = strlen(text);
	if (namespace >= 0)
		send_with(control, &iov, (int[]){ group, namespace });
	else
		send(control, text, iov.iov_len, MSG_NOSIGNAL);
}
