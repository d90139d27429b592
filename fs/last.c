#include "fs/last.h"
#include "core/base/leave.h"
#include "core/base/log.h"
#include "fs/feature.h"
#include "fs/mount.h"
#include "fs/shared.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define STARTS_MOST 5
#define OTHERS_MS 200 /* for a worker that is alive: it ends the mount by itself when the keeper dies */

static pid_t last;
static int starts;

/* ---- in the process itself ---- */

static bool is_connected(int device, int wait_ms)
{
	struct pollfd p = { device, 0, 0 };

	return poll(&p, 1, wait_ms) == 0;
}

static bool wants_no_reply(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT ||
	       opcode == FUSE_NOTIFY_REPLY;
}

/*
 * Each request that is left, and each that comes, is refused, until the last user of the mount is gone. What a
 * worker had read ends with that worker's own descriptors.
 */
static void refuse_all(int device)
{
	char *request = malloc(REQUEST_SIZE);

	while (request) {
		const struct fuse_in_header *in = (const struct fuse_in_header *)request;
		struct fuse_out_header out = { .len = sizeof(out), .error = -ENOTCONN };
		ssize_t n = read(device, request, REQUEST_SIZE);

		if (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (n < (ssize_t)sizeof(*in))
			break;
		out.unique = in->unique;
		if (!wants_no_reply(in->opcode) && write(device, &out, sizeof(out)) < 0)
			log_debug("event=not_refused opcode=%u", in->opcode); /* its caller is gone */
	}
	free(request);
}

/* Beside the refusals: whoever takes the mount away may have to ask it something. */
static void detach(dev_t dev)
{
	int r;

	if (fork() != 0)
		return;
	r = mount_detach(shared->config.mountpoint, dev);
	if (r < 0)
		log_error("event=detach_failed why=keeper_died error=%d", -r);
	_exit(0);
}

static void end_mount(int device)
{
	dev_t dev = makedev(0, shared->config.device_minor);

	if (!is_connected(device, OTHERS_MS))
		return;
	log_error("event=keeper_died action=unmount by=last");
	mount_abort(shared->config.mountpoint, dev);
	detach(dev);
	/* an ordinary user without fusectl can't abort */
	refuse_all(device);
}

/* What it held beyond need would keep alive what is to end with the others. */
static void close_others(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

/* A descriptor of its own: what the others have read and not answered ends with theirs. */
static int own_device(void)
{
	int device = shared->config.device_fds[0];

	return feature_wanted(FEATURE_CLONE) ? mount_clone_device(device) : mount_duplicate_device(device);
}

static void be_last(pid_t keeper)
{
	int device = own_device();
	struct pollfd p = { pidfd_open(keeper, 0), POLLIN, 0 };
	sigset_t none;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* when a whole group is told to end, this one does when the mount has */
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "hrfs-last"); /* killing all hrfs-fs leaves it */
	if (device < 0 || p.fd < 0)
		_exit(1);
	if (!shared->config.foreground)
		leave_terminal();
	close_others(device, p.fd);
	if (!shared->config.foreground)
		log_to_file(shared->config.log_path, LOG_MAX_BYTES);
	if (chdir("/"))
		log_debug("event=chdir_failed");
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	close(p.fd);
	end_mount(device);
	_exit(0);
}

/* ---- in the keeper ---- */

pid_t last_start(void)
{
	pid_t keeper = getpid();

	last = fork();
	if (last == 0)
		be_last(keeper);
	if (last < 0)
		last = -errno;
	return last;
}

void last_reaped(pid_t pid)
{
	if (pid != last)
		return;
	last = 0;
	log_warn("event=last_ended");
	if (++starts < STARTS_MOST)
		last_start();
}

void last_end(void)
{
	if (last <= 0)
		return;
	kill(last, SIGKILL);
	waitpid(last, NULL, 0);
	last = 0;
}
