#include "fs/lane.h"
#include "core/base/log.h"
#include "fs/caller.h"
#include "fs/counts.h"
#include "fs/crash.h"
#include "fs/die.h"
#include "fs/init.h"
#include "fs/ops.h"
#include "fs/raw.h"
#include "fs/readers.h"
#include "fs/relief.h"
#include "fs/replay.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CRASHES_MOST 2 /* at one request; then it is answered EIO */

static _Thread_local struct lane *lane; /* of a request thread; NULL in others */
static _Thread_local bool resumed;
static bool swallow;		 /* INIT is said again to libfuse only: the kernel has had its answer */
static _Thread_local int device; /* an answer goes out where its request came in */
static struct fuse_session *fuse;
static atomic_bool aborted;
static int unmounted_event; /* an eventfd: the kernel has ended the connection */

struct lane *lane_current(void)
{
	return lane;
}

bool request_is_resumed(void)
{
	return resumed;
}

const struct fuse_in_header *request_header(void)
{
	return (const struct fuse_in_header *)lane->request;
}

const void *request_argument(void)
{
	return lane->request + sizeof(struct fuse_in_header);
}

void lane_use(struct lane *l)
{
	lane = l;
}

void lane_use_device(int fd)
{
	device = fd;
}

/* Its len says whether an answer is owed: one store, seen by whoever takes the lane over. */
static void owe(uint32_t len)
{
	__atomic_store_n(&((struct fuse_in_header *)lane->request)->len, len, __ATOMIC_SEQ_CST);
}

static void store_reply(const struct iovec *iov, int count, size_t size)
{
	char *end = lane->reply;

	if (size > REPLY_SIZE)
		return;
	for (int i = 0; i < count; i++)
		end = mempcpy(end, iov[i].iov_base, iov[i].iov_len);
	__atomic_store_n(&lane->reply_size, (uint32_t)size, __ATOMIC_RELEASE);
}

/* Every answer and notification comes through here. Stored before it is sent; owed until it is. */
ssize_t lane_send(struct iovec *iov, int count)
{
	size_t size = 0;
	ssize_t sent;
	int error;

	for (int i = 0; i < count; i++)
		size += iov[i].iov_len;
	if (swallow)
		return (ssize_t)size;
	if (!lane)
		return writev(device, iov, count);
	if (request_header()->opcode == FUSE_INIT)
		init_patch_reply(request_argument(), iov, count);
	store_reply(iov, count, size);
	die_at(DIE_STORED);
	__atomic_store_n(&lane->sending, 1, __ATOMIC_SEQ_CST);
	sent = writev(device, iov, count);
	error = errno; /* ENOENT: nobody waits for it any more */
	die_at(DIE_SENT);
	owe(0);
	__atomic_fetch_add(&lane->replies, 1, __ATOMIC_RELAXED);
	errno = error;
	return sent;
}

static ssize_t send_iov(int fd, struct iovec *iov, int count, void *data)
{
	return lane_send(iov, count);
}

static ssize_t receive_nothing(int fd, void *buffer, size_t size, void *data)
{
	return -1; /* libfuse wants one, but the read loop is ours */
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static bool wants_no_reply(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT ||
	       opcode == FUSE_NOTIFY_REPLY;
}

static bool is_owed(void)
{
	return request_header()->len != 0;
}

/* A client without an answer would hang for ever. */
static void reply_missing(void)
{
	struct fuse_out_header head = { .len = sizeof(head), .error = -EIO, .unique = request_header()->unique };
	struct iovec iov = { &head, sizeof(head) };

	log_error("event=no_reply opcode=%u node=%#lx action=EIO", request_header()->opcode, request_header()->nodeid);
	lane_send(&iov, 1);
}

static void process(void)
{
	struct fuse_buf buf = { .mem = lane->request, .size = request_header()->len };
	uint32_t opcode = request_header()->opcode;

	die_at(DIE_CRASH);
	/* nothing that is served here can be interrupted: the answer comes soon */
	if (opcode != FUSE_INTERRUPT && !replay_serve() && !raw_serve())
		fuse_session_process_buf(fuse, &buf);
	if (!is_owed())
		return;
	if (wants_no_reply(opcode)) {
		owe(0);
		__atomic_fetch_add(&lane->replies, 1, __ATOMIC_RELAXED);
	} else {
		reply_missing();
	}
}

/* The request that a dead worker had read in this lane and, as far as it knew, not answered. */
static void finish_inherited(void)
{
	struct fuse_out_header head = { .len = sizeof(head), .error = -EIO, .unique = request_header()->unique };
	struct iovec stored = { lane->reply, lane->reply_size };
	struct iovec refusal = { &head, sizeof(head) };

	log_debug("event=resumed opcode=%u node=%#lx replied=%d crashes=%u", request_header()->opcode,
		  request_header()->nodeid, lane->reply_size != 0, lane->crashes);
	if (lane->reply_size) {
		lane_send(&stored, 1); /* fails where it had been sent */
		return;
	}
	if (lane->crashes >= CRASHES_MOST && !wants_no_reply(request_header()->opcode)) {
		log_error("event=refused opcode=%u node=%#lx why=\"%u workers have crashed at it\"",
			  request_header()->opcode, request_header()->nodeid, lane->crashes);
		lane_send(&refusal, 1);
		return;
	}
	/* of a listing that may have been received the references stay until that is known */
	if (!wants_no_reply(request_header()->opcode) && !lane->sending)
		counts_give_back(0, counts_taken());
	resumed = true;
	process();
	resumed = false;
}

static bool takes_long(uint32_t opcode)
{
	return opcode == FUSE_FSYNC || opcode == FUSE_FSYNCDIR || opcode == FUSE_FALLOCATE ||
	       opcode == FUSE_COPY_FILE_RANGE;
}

/* The kernel writes the header, and with it len, into the lane: from then on the request is ours. */
static int read_request(void)
{
	ssize_t n;

	lane->reply_size = 0;
	lane->intent.state = INTENT_NONE;
	lane->intent.offset = 0;
	lane->counts.progress = 0;
	lane->crashes = lane->sending = 0;
	__atomic_store_n(&lane->since_ns, 0, __ATOMIC_RELAXED);
	readers_begin(device);
	do {
		owe(0); /* a read that fails may have copied a part */
		n = read(device, lane->request, REQUEST_SIZE);
	} while (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN));
	readers_end(device, n < 0 || takes_long(request_header()->opcode));
	if (n < 0)
		return -errno;
	__atomic_fetch_add(&lane->requests, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&lane->since_ns, now_ns(), __ATOMIC_SEQ_CST); /* whoever sees it may look at the request */
	relief_note();
	die_at(DIE_READ);
	return 0;
}

static void *serve(void *arg)
{
	uint64_t one = 1;
	int r;

	lane = arg;
	crash_thread();
	device = shared->config.device_fds[lane - shared_lanes->lane];
	r = caller_thread_init();
	if (r < 0)
		log_error("event=thread_failed what=unshare error=\"%s\"", strerror(-r));
	else if (is_owed())
		finish_inherited();
	while (r == 0) {
		r = read_request();
		if (r == 0)
			process();
	}
	if (r == -ECONNABORTED)
		aborted = true;
	else if (r != -ENODEV)
		log_error("event=read_failed error=\"%s\"", strerror(-r));
	if (write(unmounted_event, &one, sizeof(one)) != sizeof(one))
		log_error("event=failed what=eventfd");
	return NULL;
}

/* A page that is not there when a kill hits the kernel's copy into it makes the kernel answer EIO. */
static void lock_lanes(const struct lane *first, uint32_t count)
{
	/* the system call itself: sanitizers make mlock() do nothing */
	if (syscall(SYS_mlock, first, count * sizeof(struct lane)))
		log_warn("event=mlock_failed error=\"%s\" meaning=\"a worker killed while it receives a request may cost that request\"",
			 strerror(errno));
}

void lanes_lock(void)
{
	if (shared->config.takeover && shared_lanes)
		lock_lanes(shared_lanes->lane, shared->lane_count);
}

static int start_fuse(void)
{
	static const struct fuse_custom_io io = { .writev = send_iov, .read = receive_nothing };
	char name[] = "hrfs";
	char *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);

	fuse = fuse_session_new(&args, &ops_table, sizeof(ops_table), NULL);
	fuse_opt_free_args(&args);
	if (!fuse)
		return -ENOMEM;
	return fuse_session_custom_io(fuse, &io, shared->config.device_fds[0]);
}

/* The successor's libfuse has not seen INIT: it is told, from the saved bytes, and its answer goes nowhere. */
static int repeat_init(void)
{
	char copy[sizeof(shared_lanes->init)];
	struct fuse_buf buf = { .mem = copy, .size = shared_lanes->init_size };

	memcpy(copy, shared_lanes->init, sizeof(copy));
	swallow = true;
	fuse_session_process_buf(fuse, &buf);
	swallow = false;
	return 0;
}

/* The kernel's first request, in the first lane; a dead worker may have read it already. */
static int take_init(void)
{
	struct fuse_in_header *in = (struct fuse_in_header *)shared_lanes->lane[0].request;
	int r = 0;

	lane = &shared_lanes->lane[0];
	device = shared->config.device_fds[0];
	if (!is_owed() && in->opcode == FUSE_INIT) { /* answered by a worker that could note it no more */
		shared_lanes->init_size = ((const struct fuse_in_header *)shared_lanes->init)->len;
		lane = NULL;
		return repeat_init();
	}
	if (!is_owed())
		r = read_request();
	if (r == 0 && (in->opcode != FUSE_INIT || in->len > sizeof(shared_lanes->init)))
		r = -EPROTO;
	if (r == 0) {
		uint32_t size = in->len; /* 0 once it is answered */

		memcpy(shared_lanes->init, in, size);
		process();
		__atomic_store_n(&shared_lanes->init_size, size, __ATOMIC_SEQ_CST);
	}
	lane = NULL;
	return r;
}

int lanes_initialise(void)
{
	return shared_lanes->init_size ? repeat_init() : take_init();
}

/*
 * A directory that a dead worker was moving is where it will be before anyone goes on below it: paths
 * are told by the node table, which may not know yet.
 */
static int finish_renames(void)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < shared->lane_count; i++) {
		lane = &shared_lanes->lane[i];
		device = shared->config.device_fds[i];
		if (!is_owed() || (request_header()->opcode != FUSE_RENAME && request_header()->opcode != FUSE_RENAME2))
			continue;
		/* a rename may act as its caller, and must come back to what this thread was */
		r = caller_thread_init();
		if (r == 0)
			finish_inherited();
	}
	lane = NULL;
	return r;
}

static int start_lane(uint32_t i)
{
	pthread_t thread;
	int r = -pthread_create(&thread, NULL, serve, &shared_lanes->lane[i]);

	if (r == 0)
		pthread_detach(thread);
	return r;
}

int lanes_start(void)
{
	uint32_t count = shared->lane_count; /* from here on it may grow */
	int r = finish_renames();

	if (r == 0)
		r = relief_start();
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = start_lane(i);
	return r;
}

/* Counted first: what it has read when the worker dies has to be found. */
int lane_add(void)
{
	uint32_t i = shared->lane_count;
	int r;

	if (i == LANES_MAX)
		return -ENFILE;
	if (shared->config.takeover)
		lock_lanes(&shared_lanes->lane[i], 1);
	shared->lane_count = i + 1;
	r = start_lane(i);
	if (r < 0)
		shared->lane_count = i;
	return r;
}

int lanes_prepare(void)
{
	unmounted_event = eventfd(0, EFD_CLOEXEC);
	if (unmounted_event < 0)
		return -errno;
	lanes_lock();
	return start_fuse();
}

int lanes_event(void)
{
	return unmounted_event;
}

bool lanes_aborted(void)
{
	return aborted;
}

struct fuse_session *lanes_fuse(void)
{
	return fuse;
}

void lane_crashed(void)
{
	if (lane)
		lane->crashes++;
	__atomic_fetch_add(&shared->crashes, 1, __ATOMIC_SEQ_CST);
}
