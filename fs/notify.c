#include "fs/notify.h"
#include "core/base/log.h"
#include "fs/ops.h"
#include "fs/lane.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static struct fuse_session *session;
static int wishes[2] = { -1, -1 }; /* a pipe of node ids */

void notify_invalidate(node_id id)
{
	/* A full pipe means that as many are on their way already; attributes time out all the same. */
	if (write(wishes[1], &id, sizeof(id)) < 0)
		log_warn("event=invalidation_lost node=%#lx", id);
}

/* Sent past libfuse: in a request thread it would take this for the answer. */
void notify_attributes_old(node_id id)
{
	struct fuse_notify_inval_inode_out out = { .ino = id, .off = -1 };
	struct fuse_out_header head = { .len = sizeof(head) + sizeof(out), .error = FUSE_NOTIFY_INVAL_INODE };
	struct iovec iov[] = { { &head, sizeof(head) }, { &out, sizeof(out) } };

	if (writev(shared->config.device_fds[0], iov, ARRAY_SIZE(iov)) < 0)
		log_debug("event=notice_refused node=%#lx error=\"%s\"", id, strerror(errno));
}

static void close_others(void)
{
	int device = shared->config.device_fds[0];
	int low = device < wishes[0] ? device : wishes[0];
	int high = device < wishes[0] ? wishes[0] : device;

	close_range(3, (unsigned)low - 1, 0);
	close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0U, 0);
}

static void *notify(void *arg)
{
	node_id id;

	/* a table with nothing in it that somebody waits to see closed: the keeper's socket above all */
	if (unshare(CLONE_FILES) == 0)
		close_others();
	lane_use_device(shared->config.device_fds[0]);
	while (read(wishes[0], &id, sizeof(id)) == sizeof(id))
		fuse_lowlevel_notify_inval_inode(session, id, 0, 0);
	return NULL;
}

int notify_start(struct fuse_session *fuse)
{
	pthread_t thread;
	int r;

	session = fuse;
	if (pipe2(wishes, O_CLOEXEC) || fcntl(wishes[1], F_SETFL, O_NONBLOCK))
		return -errno;
	r = -pthread_create(&thread, NULL, notify, NULL);
	if (r == 0)
		pthread_detach(thread);
	return r;
}
