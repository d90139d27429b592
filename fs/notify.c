#include "fs/notify.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/lane.h"
#include "fs/ops.h"
#include "fs/recent.h"
#include "fs/sidedoor.h"
#include "hrfs-config.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <unistd.h>

#define NOTICES_MOST (1U << 20) /* that wait: beyond that everything is doubted */
#define PAGES_WAIT_MS 200

struct notice {
	STAILQ_ENTRY(notice) link;
	node_id node; /* or the directory that has the name */
	enum { NOTICE_INODE, NOTICE_ENTRY, NOTICE_EXPIRE, NOTICE_ARRIVING, NOTICE_PAGES } kind;
	char name[];
};

/* Notices wait for those before them in the same queue. */
struct queue {
	pthread_mutex_t lock;
	pthread_cond_t asked, done;
	/* with lock: */
	STAILQ_HEAD(, notice) waiting;
	uint64_t count_asked, count_done;
};

#define QUEUE(q) { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, STAILQ_HEAD_INITIALIZER((q).waiting), 0, 0 }

static struct fuse_session *session;
/* pages: of files that may lie where READ hangs, which is waited for */
static struct queue told = QUEUE(told), pages = QUEUE(pages);

/* How many have been asked for with this one. */
static uint64_t ask_in(struct queue *q, int kind, node_id node, const char *name)
{
	size_t size = name ? strlen(name) + 1 : 1;
	struct notice *n = malloc(sizeof(*n) + size);
	bool lost = true;
	uint64_t asked;

	if (n) {
		n->node = node;
		n->kind = kind;
		memcpy(n->name, name ? name : "", size);
	}
	pthread_mutex_lock(&q->lock);
	if (n && q->count_asked - q->count_done < NOTICES_MOST) {
		STAILQ_INSERT_TAIL(&q->waiting, n, link);
		n = NULL;
		lost = false;
		q->count_asked++;
		pthread_cond_signal(&q->asked);
	}
	asked = q->count_asked;
	pthread_mutex_unlock(&q->lock);
	free(n);
	if (lost) {
		log_warn("event=invalidation_lost node=%#lx", node);
		sidedoor_doubt("notice_lost");
	}
	return asked;
}

static void ask(int kind, node_id node, const char *name)
{
	ask_in(&told, kind, node, name);
}

static atomic_bool root_known;

void notify_root_known(void)
{
	if (!atomic_load_explicit(&root_known, memory_order_relaxed))
		root_known = true;
}

bool notify_root_is_known(void)
{
	return root_known;
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

void notify_listing(node_id dir)
{
	/* no entry has this name: what is wanted is the directory's lock, which whoever lists it holds */
	ask(NOTICE_ENTRY, dir, ".");
	notify_invalidate(dir);
}

void notify_flush(void)
{
	uint64_t want;

	pthread_mutex_lock(&told.lock);
	want = told.count_asked;
	while (told.count_done < want)
		pthread_cond_wait(&told.done, &told.lock);
	pthread_mutex_unlock(&told.lock);
}

void notify_pages(node_id id, bool wait)
{
	uint64_t want = ask_in(&pages, NOTICE_PAGES, id, NULL);
	struct timespec until;

	if (!wait)
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PAGES_WAIT_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&pages.lock);
	while (pages.count_done < want && pthread_cond_timedwait(&pages.done, &pages.lock, &until) == 0)
		;
	pthread_mutex_unlock(&pages.lock);
}

/* Sent past libfuse: in a request thread it would take this for the answer. */
static void send_inode_past(node_id id, int64_t offset)
{
	struct fuse_notify_inval_inode_out out = { .ino = id, .off = offset };
	struct fuse_out_header head = { .len = sizeof(head) + sizeof(out), .error = FUSE_NOTIFY_INVAL_INODE };
	struct iovec iov[] = { { &head, sizeof(head) }, { &out, sizeof(out) } };

	if (writev(shared->config.device_fds[0], iov, ARRAY_SIZE(iov)) < 0)
		log_debug("event=notice_refused node=%#lx error=\"%s\"", id, strerror(errno));
}

void notify_attributes_old(node_id id)
{
	send_inode_past(id, -1);
}

/* No request is ever waited for with a page of a listing in hand, so this waits for none. */
void notify_listing_old(node_id dir)
{
	send_inode_past(dir, 0);
}

static void close_others(void)
{
	unsigned device = (unsigned)shared->config.device_fds[0];

	close_range(3, device - 1, 0);
	close_range(device + 1, ~0U, 0);
}

static struct notice *next(struct queue *q)
{
	struct notice *n;

	pthread_mutex_lock(&q->lock);
	while (!(n = STAILQ_FIRST(&q->waiting)))
		pthread_cond_wait(&q->asked, &q->lock);
	STAILQ_REMOVE_HEAD(&q->waiting, link);
	pthread_mutex_unlock(&q->lock);
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

	/* no entry has this name, so no more is done */
	fuse_lowlevel_notify_inval_entry(session, dir, ".", 1);
	id = node_child(dir, name);
	if (id)
		fuse_lowlevel_notify_inval_inode(session, id, 0, 0);
}

/* By each of its names: the answer may be one to a question for any of them. */
static void wait_for_answers_of(node_id id)
{
	char name[NAME_MAX + 1];
	node_id dir;

	for (unsigned i = 0; node_place(id, i, &dir, name) == 0; i++)
		wait_for_answers(dir, name);
}

static void invalidate(node_id id)
{
	int r = fuse_lowlevel_notify_inval_inode(session, id, 0, 0);

	/*
	 * Unknown to the kernel, but not to us: it was forgotten, or is what an answer on its way speaks of. And what the
	 * answer to a creation says, the kernel believes even when a notice was quicker.
	 */
	if (r == -ENOENT || recent_is(&recent_made, id))
		wait_for_answers_of(id);
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
	case NOTICE_PAGES:
		fuse_lowlevel_notify_inval_inode(session, n->node, 0, 0);
		break;
	}
}

static void *notify(void *arg)
{
	struct queue *q = arg;

	/* a table with nothing in it that somebody waits to see closed: the keeper's socket above all */
	if (unshare(CLONE_FILES) == 0)
		close_others();
	lane_use_device(shared->config.device_fds[0]);
	for (;;) {
		AUTO_FREE struct notice *n = next(q);

		send(n);
		pthread_mutex_lock(&q->lock);
		q->count_done++;
		pthread_cond_broadcast(&q->done);
		pthread_mutex_unlock(&q->lock);
	}
	return NULL;
}

int notify_start(struct fuse_session *fuse)
{
	struct queue *queues[] = { &told, &pages };
	pthread_t thread;
	int r = 0;

	session = fuse;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(queues); i++) {
		r = -pthread_create(&thread, NULL, notify, queues[i]);
		if (r == 0)
			pthread_detach(thread);
	}
	return r;
}
