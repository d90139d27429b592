#include "fs/notify.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/lane.h"
#include "fs/ops.h"
#include "hrfs-config.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <unistd.h>

#define NOTICES_MOST (1U << 20) /* that wait: then attributes time out instead */

struct notice {
	STAILQ_ENTRY(notice) link;
	node_id node; /* or the directory that has the name */
	enum { NOTICE_INODE, NOTICE_ENTRY, NOTICE_EXPIRE, NOTICE_ARRIVING } kind;
	char name[];
};

static struct fuse_session *session;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t asked = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
/* with lock: */
static STAILQ_HEAD(, notice) waiting = STAILQ_HEAD_INITIALIZER(waiting);
static uint64_t count_asked, count_done;

static void ask(int kind, node_id node, const char *name)
{
	size_t size = name ? strlen(name) + 1 : 1;
	struct notice *n = malloc(sizeof(*n) + size);

	if (n) {
		n->node = node;
		n->kind = kind;
		memcpy(n->name, name ? name : "", size);
	}
	pthread_mutex_lock(&lock);
	if (n && count_asked - count_done < NOTICES_MOST) {
		STAILQ_INSERT_TAIL(&waiting, n, link);
		n = NULL;
		count_asked++;
		pthread_cond_signal(&asked);
	} else {
		log_warn("event=invalidation_lost node=%#lx", node);
	}
	pthread_mutex_unlock(&lock);
	free(n);
}

static atomic_bool root_known;

void notify_root_known(void)
{
	if (!atomic_load_explicit(&root_known, memory_order_relaxed))
		root_known = true;
}

void notify_invalidate(node_id id)
{
	if (id != NODE_ROOT || root_known)
		ask(NOTICE_INODE, id, NULL);
}

void notify_entry(node_id dir, const char *name)
{
	ask(NOTICE_ENTRY, dir, name);
}

void notify_expire(node_id dir, const char *name)
{
	ask(NOTICE_EXPIRE, dir, name);
}

void notify_arriving(node_id dir, const char *name)
{
	ask(NOTICE_ARRIVING, dir, name);
}

void notify_flush(void)
{
	uint64_t want;

	pthread_mutex_lock(&lock);
	want = count_asked;
	while (count_done < want)
		pthread_cond_wait(&done, &lock);
	pthread_mutex_unlock(&lock);
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
	unsigned device = (unsigned)shared->config.device_fds[0];

	close_range(3, device - 1, 0);
	close_range(device + 1, ~0U, 0);
}

static struct notice *next(void)
{
	struct notice *n;

	pthread_mutex_lock(&lock);
	while (!(n = STAILQ_FIRST(&waiting)))
		pthread_cond_wait(&asked, &lock);
	STAILQ_REMOVE_HEAD(&waiting, link);
	pthread_mutex_unlock(&lock);
	return n;
}

static void expire(node_id dir, const char *name)
{
	size_t len = strlen(name);
#ifdef HRFS_EXPIRE_TAKES_FLAGS
	int r = fuse_lowlevel_notify_expire_entry(session, dir, name, len, FUSE_LL_EXPIRE_ONLY);
#else
	int r = fuse_lowlevel_notify_expire_entry(session, dir, name, len);
#endif

	if (r == -ENOSYS)
		fuse_lowlevel_notify_inval_entry(session, dir, name, len);
}

/* The kernel holds the directory's lock from its question until it has taken the answer in: that is waited for. */
static void wait_for_answers(node_id dir, const char *name)
{
	node_id id;

	expire(dir, name);
	id = node_child(dir, name);
	if (id)
		fuse_lowlevel_notify_inval_inode(session, id, 0, 0);
}

static void invalidate(node_id id)
{
	char name[NAME_MAX + 1];
	node_id dir;

	/* unknown to the kernel, but not to us: it was forgotten, or is what an answer on its way speaks of */
	if (fuse_lowlevel_notify_inval_inode(session, id, 0, 0) == -ENOENT && node_place(id, &dir, name) == 0)
		wait_for_answers(dir, name);
}

static void send(const struct notice *n)
{
	switch (n->kind) {
	case NOTICE_INODE:
		invalidate(n->node);
		break;
	case NOTICE_ENTRY:
		fuse_lowlevel_notify_inval_entry(session, n->node, n->name, strlen(n->name));
		break;
	case NOTICE_EXPIRE:
		expire(n->node, n->name);
		break;
	case NOTICE_ARRIVING:
		wait_for_answers(n->node, n->name);
		break;
	}
}

static void *notify(void *arg)
{
	/* a table with nothing in it that somebody waits to see closed: the keeper's socket above all */
	if (unshare(CLONE_FILES) == 0)
		close_others();
	lane_use_device(shared->config.device_fds[0]);
	for (;;) {
		AUTO_FREE struct notice *n = next();

		send(n);
		pthread_mutex_lock(&lock);
		count_done++;
		pthread_cond_broadcast(&done);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

int notify_start(struct fuse_session *fuse)
{
	pthread_t thread;
	int r;

	session = fuse;
	r = -pthread_create(&thread, NULL, notify, NULL);
	if (r == 0)
		pthread_detach(thread);
	return r;
}
