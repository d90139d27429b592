#include "fs/mount.h"
#include "core/base/log.h"
#include "core/base/mountinfo.h"
#include "core/base/mountpoint.h"
#include "fs/fuse.h"
#include "fs/lower.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define FUSERMOUNT "fusermount3"

static int say(struct buf *error, int r, const char *what, const char *detail)
{
	buf_printf(error, "%s: %s", what, detail ? detail : strerror(-r));
	return r;
}

static int make_as_root(const struct mount_options *o, struct buf *error)
{
	AUTO_FD fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	unsigned long flags = MS_NOSUID | MS_NODEV;
	AUTO_BUF data = { 0 };
	AUTO_BUF type = { 0 };
	AUTO_FD at = mountpoint_open(o->mountpoint);
	char path[FD_PATH_SIZE];
	struct stat st;
	int r;

	if (fd < 0)
		return say(error, -errno, "/dev/fuse", NULL);
	if (at < 0 || fstat(at, &st))
		return say(error, at < 0 ? at : -errno, o->mountpoint, NULL);
	if (o->suid)
		flags &= ~(unsigned long)MS_NOSUID;
	if (o->dev)
		flags &= ~(unsigned long)MS_NODEV;
	flags |= (o->read_only ? MS_RDONLY : 0) | (o->noexec ? MS_NOEXEC : 0) | (o->noatime ? MS_NOATIME : 0) |
		 o->flags;
	r = buf_printf(&data, "fd=%d,rootmode=%o,user_id=%u,group_id=%u,default_permissions%s", fd,
		       st.st_mode & S_IFMT, geteuid(), getegid(), o->allow_other ? ",allow_other" : "");
	if (r == 0)
		r = buf_printf(&type, *o->subtype ? "fuse.%s" : "fuse", o->subtype);
	if (r < 0)
		return r;
	if (mount(o->fsname, fd_path(at, path), type.data, flags, data.data))
		return say(error, -errno, "mount", NULL);
	return take_fd(&fd);
}

/* fusermount3's list: commas and backslashes in a value are escaped. */
static int put_value(struct buf *list, const char *key, const char *value)
{
	int r = buf_printf(list, ",%s=", key);

	for (; r == 0 && *value; value++) {
		if (*value == ',' || *value == '\\')
			r = buf_putc(list, '\\');
		if (r == 0)
			r = buf_putc(list, *value);
	}
	return r;
}

static int option_list(const struct mount_options *o, struct buf *list)
{
	int r = buf_puts(list, "default_permissions");

	if (r == 0)
		r = put_value(list, "fsname", o->fsname);
	if (r == 0 && *o->subtype)
		r = put_value(list, "subtype", o->subtype);
	if (r == 0 && o->allow_other)
		r = buf_puts(list, ",allow_other");
	if (r == 0 && o->read_only)
		r = buf_puts(list, ",ro");
	if (r == 0 && o->noexec)
		r = buf_puts(list, ",noexec");
	if (r == 0 && o->noatime)
		r = buf_puts(list, ",noatime");
	/* of the rest its older versions know these only */
	if (r == 0 && (o->flags & MS_SYNCHRONOUS))
		r = buf_puts(list, ",sync");
	if (r == 0 && (o->flags & MS_DIRSYNC))
		r = buf_puts(list, ",dirsync");
	return r;
}

/* Runs fusermount3; its descriptors are CLOEXEC but `keep` and an stderr of ours. */
static pid_t run_fusermount(const char *const argv[], int keep, int error_fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	if (keep >= 0) {
		char text[16];

		fcntl(keep, F_SETFD, 0);
		snprintf(text, sizeof(text), "%d", keep);
		setenv("_FUSE_COMMFD", text, 1);
	}
	if (error_fd >= 0)
		dup2(error_fd, STDERR_FILENO);
	execvp(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* The descriptor that fusermount3 sends, or -EPERM when it ends without. */
static int receive_device(int socket)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(socket, &h, MSG_CMSG_CLOEXEC) <= 0)
		return -EPERM;
	c = CMSG_FIRSTHDR(&h);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -EPERM;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void read_text(int fd, struct buf *out)
{
	char text[512];
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0)
		buf_put(out, text, (size_t)n);
	while (out->len && out->data[out->len - 1] == '\n')
		buf_truncate(out, out->len - 1);
}

static int make_by_fusermount(const struct mount_options *o, struct buf *error)
{
	AUTO_BUF list = { 0 };
	int pair[2], err[2];
	pid_t pid;
	int fd;

	if (option_list(o, &list))
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return say(error, -errno, "socketpair", NULL);
	if (pipe2(err, O_CLOEXEC)) {
		close(pair[0]);
		close(pair[1]);
		return say(error, -errno, "pipe", NULL);
	}
	pid = run_fusermount((const char *[]){ FUSERMOUNT, "-o", list.data, "--", o->mountpoint, NULL }, pair[1],
			     err[1]);
	close(pair[1]);
	close(err[1]);
	fd = pid < 0 ? pid : receive_device(pair[0]);
	close(pair[0]);
	if (fd < 0)
		read_text(err[0], error);
	close(err[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

int mount_make(const struct mount_options *o, struct buf *error)
{
	return geteuid() == 0 ? make_as_root(o, error) : make_by_fusermount(o, error);
}

int mount_duplicate_device(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

int mount_clone_device(int fd)
{
	AUTO_FD clone = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	uint32_t source = (uint32_t)fd;

	if (clone >= 0 && ioctl(clone, FUSE_DEV_IOC_CLONE, &source) == 0)
		return take_fd(&clone);
	return mount_duplicate_device(fd);
}

int mount_device(const char *mountpoint, dev_t *dev)
{
	struct mountinfo_entry e;
	int r = mountinfo_topmost(mountpoint, &e);

	if (r == 0) {
		*dev = e.dev;
		mountinfo_entry_done(&e);
	}
	return r;
}

static bool is_there(const char *mountpoint, dev_t dev)
{
	dev_t now;

	return mount_device(mountpoint, &now) == 0 && now == dev;
}

struct elsewhere {
	dev_t dev;
	char path[PATH_MAX]; /* "": nowhere */
};

static int consider(const struct mountinfo_entry *e, void *arg)
{
	struct elsewhere *w = arg;

	if (e->dev != w->dev || strncmp(e->type, "fuse", 4) != 0 || strlen(e->mountpoint) >= sizeof(w->path))
		return 0;
	strcpy(w->path, e->mountpoint);
	return 1;
}

int mount_detach(const char *mountpoint, dev_t dev)
{
	struct elsewhere w = { .dev = dev };
	int status = 0;
	pid_t pid;

	/* a directory above it may have been renamed: it is still mounted then, at another path */
	if (!is_there(mountpoint, dev)) {
		if (mountinfo_each(consider, &w) != 1 || !is_there(w.path, dev))
			return 0;
		mountpoint = w.path;
	}
	if (geteuid() == 0)
		return mountpoint_unmount(mountpoint, MNT_DETACH);
	pid = run_fusermount((const char *[]){ FUSERMOUNT, "-u", "-z", "-q", "--", mountpoint, NULL }, -1, -1);
	if (pid < 0)
		return pid;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

void mount_abort(const char *mountpoint, dev_t dev)
{
	char path[64];
	AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", minor(dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) == 1)
		return;
	if (geteuid() == 0 && is_there(mountpoint, dev))
		mountpoint_unmount(mountpoint, MNT_FORCE | MNT_DETACH);
}
