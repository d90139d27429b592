#include "fs/session.h"
#include "core/base/log.h"
#include "fs/caller.h"
#include "fs/control.h"
#include "fs/init.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/parts.h"
#include "fs/raw.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static _Thread_local struct lane *lane; /* of a request thread; NULL in others */
static _Thread_local int device;	/* an answer goes out where its request came in */
static struct fuse_session *fuse;
static int unmounted_event; /* an eventfd: the kernel has ended the connection */

struct lane *lane_current(void)
{
	return lane;
}

const struct fuse_in_header *request_header(void)
{
	return (const struct fuse_in_header *)lane->request;
}

const void *request_argument(void)
{
	return lane->request + sizeof(struct fuse_in_header);
}

void session_use_device(int fd)
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
ssize_t session_send(struct iovec *iov, int count)
{
	size_t size = 0;
	ssize_t sent;
	int error;

	if (!lane)
		return writev(device, iov, count);
	if (request_header()->opcode == FUSE_INIT)
		init_patch_reply(request_argument(), iov, count);
	for (int i = 0; i < count; i++)
		size += iov[i].iov_len;
	store_reply(iov, count, size);
	sent = writev(device, iov, count);
	error = errno; /* ENOENT: nobody waits for it any more */
	owe(0);
	__atomic_fetch_add(&lane->replies, 1, __ATOMIC_RELAXED);
	errno = error;
	return sent;
}

static ssize_t send_iov(int fd, struct iovec *iov, int count, void *data)
{
	return session_send(iov, count);
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
	session_send(&iov, 1);
}

static void process(void)
{
	struct fuse_buf buf = { .mem = lane->request, .size = request_header()->len };
	uint32_t opcode = request_header()->opcode;

	/* nothing that is served here can be interrupted: the answer comes soon */
	if (opcode != FUSE_INTERRUPT && !raw_serve())
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

/* The kernel writes the header, and with it len, into the lane: from then on the request is ours. */
static int read_request(void)
{
	ssize_t n;

	lane->reply_size = 0;
	lane->intent.state = INTENT_NONE;
	lane->intent.offset = 0;
	lane->change.phase = lane->change.done = 0;
	__atomic_store_n(&lane->since_ns, 0, __ATOMIC_RELAXED);
	do {
		owe(0); /* a read that fails may have copied a part */
		n = read(device, lane->request, REQUEST_SIZE);
	} while (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN));
	if (n < 0)
		return -errno;
	__atomic_fetch_add(&lane->requests, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&lane->since_ns, now_ns(), __ATOMIC_RELAXED);
	return 0;
}

static void *serve(void *arg)
{
	uint64_t one = 1;
	int r;

	lane = arg;
	device = shared->config.device_fds[lane - shared->lanes];
	r = caller_thread_init();
	if (r < 0)
		log_error("event=thread_failed what=unshare error=\"%s\"", strerror(-r));
	while (r == 0) {
		r = read_request();
		if (r == 0)
			process();
	}
	if (r != -ENODEV && r != -ECONNABORTED)
		log_error("event=read_failed error=\"%s\"", strerror(-r));
	if (write(unmounted_event, &one, sizeof(one)) != sizeof(one))
		log_error("event=failed what=eventfd");
	return NULL;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/*
 * A thread that dumps core first waits for all others, also for a notifier that waits for an answer
 * which will never come; so a crash becomes a kill.
 */
static void on_crash(int number)
{
	static const char text[] = "hrfs-fs: crashed, the mount ends (run with HRFS_DEBUG=1 and report this)\n";

	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored; /* there is nowhere else to say it */
	(void)number;
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void handle_crashes(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		signal(numbers[i], on_crash);
}
#else
static void handle_crashes(void) /* the sanitizer reports first */
{
}
#endif

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

/* The kernel's first request: on it the first lane's thread would be as good, but all need its outcome. */
static int initialise(void)
{
	struct fuse_in_header *in = (struct fuse_in_header *)shared->lanes[0].request;
	int r;

	lane = &shared->lanes[0];
	device = shared->config.device_fds[0];
	r = read_request();
	if (r == 0 && in->opcode != FUSE_INIT)
		r = -EPROTO;
	if (r == 0 && in->len <= sizeof(shared->init)) {
		memcpy(shared->init, in, in->len);
		shared->init_size = in->len;
	}
	if (r == 0)
		process();
	lane = NULL;
	return r;
}

static int start_lanes(void)
{
	pthread_t thread;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < shared->lane_count; i++) {
		r = -pthread_create(&thread, NULL, serve, &shared->lanes[i]);
		if (r == 0)
			pthread_detach(thread);
	}
	return r;
}

/* Until the kernel has ended the connection (0) or the keeper is dead (-EPIPE). */
static int wait_for_end(int control)
{
	struct pollfd p[] = { { control, POLLIN, 0 }, { unmounted_event, POLLIN, 0 } };

	for (;;) {
		enum control_message m;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			return 0;
		if (p[0].revents && control_receive(control, &m, 1) == 0)
			return -EPIPE;
	}
}

static int start(int control)
{
	int r = parts_start_state();

	if (r == 0)
		r = start_fuse();
	if (r == 0)
		r = notify_start(fuse);
	if (r == 0)
		r = initialise();
	if (r == 0)
		r = parts_start_serving(control);
	if (r == 0)
		r = start_lanes();
	return r;
}

int session_main(int memfd, int control)
{
	int r = shared_map(memfd);

	if (r < 0)
		return 1;
	if (!shared->config.foreground)
		log_to_file(shared->config.log_path, LOG_MAX_BYTES);
	handle_crashes();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is for the supervisor; the keeper says when it is over */
	unmounted_event = eventfd(0, EFD_CLOEXEC);
	r = unmounted_event < 0 ? -errno : start(control);
	if (r < 0) {
		log_error("event=worker_failed error=\"%s\"", strerror(-r));
		return 1;
	}
	control_send(control, CONTROL_SERVING);
	r = wait_for_end(control);
	parts_stop();
	if (r == 0) {
		control_send(control, CONTROL_ENDED);
		return 0;
	}
	log_error("event=keeper_died action=unmount");
	parts_abort_mount();
	return 1;
}
