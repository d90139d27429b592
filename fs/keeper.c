#include "fs/keeper.h"
#include "core/base/log.h"
#include "fs/control.h"
#include "fs/files_of_mount.h"
#include "fs/ready.h"
#include "fs/shared.h"
#include "fs/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#define CHILD_END_MS 3000 /* from its last word to its end, when it hangs on nothing */

static struct {
	const struct options *options;
	dev_t dev;
	int control; /* to the worker */
	int lifeline;
	int signals;
	pid_t worker, git;
	bool detached, ended;
} keeper = { .control = -1 };

/* ---- starting ---- */

static int resolve(struct worker_config *c, const struct options *o, struct buf *error)
{
	struct stat st;

	c->root_fd = open(o->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root_fd < 0 || !realpath(o->source, c->source)) {
		int r = -errno;

		buf_printf(error, "%s: %s", o->source, strerror(-r));
		return r;
	}
	if (!realpath(o->mount.mountpoint, c->mountpoint)) {
		int r = -errno;

		buf_printf(error, "%s: %s", o->mount.mountpoint, strerror(-r));
		return r;
	}
	/* by descriptor: what is opened is what will be served, also when it is mounted over */
	return fstat(c->root_fd, &st) ? -errno : 0;
}

static int clone_devices(struct worker_config *c, int device)
{
	c->device_fds[0] = device;
	for (uint32_t i = 1; i < shared->lane_count; i++) {
		c->device_fds[i] = feature_wanted(FEATURE_CLONE) ? mount_clone_device(device) : mount_duplicate_device(device);
		if (c->device_fds[i] < 0)
			return c->device_fds[i];
	}
	return 0;
}

static int make_mount(struct worker_config *c, const struct options *o, struct buf *error)
{
	struct mount_options m = o->mount;
	int device, r;

	m.mountpoint = c->mountpoint;
	m.read_only = c->read_only;
	if (!m.fsname)
		m.fsname = c->source;
	device = mount_make(&m, error);
	if (device < 0)
		return device;
	r = mount_device(c->mountpoint, &keeper.dev);
	if (r == 0) {
		c->device_minor = minor(keeper.dev);
		r = clone_devices(c, device);
	}
	if (r < 0)
		buf_printf(error, "%s: %s", c->mountpoint, strerror(-r));
	return r;
}

/* On a lower that is read-only the kernel is to know: access(2) asks no server. */
static bool is_read_only(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

static void configure(struct worker_config *c, const struct options *o)
{
	shared->layout = SHARED_LAYOUT;
	shared->lane_count = (uint32_t)o->threads;
	shared->start_time = time(NULL);
	c->git_fd = -1;
	c->settle_quiet_ms = (uint32_t)o->settle_quiet_ms;
	c->settle_cap_ms = (uint32_t)o->settle_cap_ms;
	c->without = o->without;
	c->allow_other = o->mount.allow_other;
	c->sole_writer = o->sole_writer;
	c->read_only = o->mount.read_only;
	c->foreground = o->foreground;
	c->keeper_pid = getpid();
}

/* The mount answers when the worker says so; dead before that, its log says why. */
static int wait_until_serving(struct buf *error)
{
	enum control_message m = CONTROL_NONE;
	int r = control_receive(keeper.control, &m, 0);

	if (r == 1 && m == CONTROL_SERVING)
		return 0;
	buf_printf(error, "the mount's worker ended before it could serve; see %s", shared->config.log_path);
	return -EIO;
}

static int start(const struct options *o, struct buf *error)
{
	struct worker_config *c;
	int memfd;
	int r = shared_create(&memfd);

	if (r == 0)
		r = shared_map(memfd);
	if (r < 0) {
		buf_printf(error, "shared memory: %s", strerror(-r));
		return r;
	}
	c = &shared->config;
	configure(c, o);
	r = resolve(c, o, error);
	if (r == 0 && is_read_only(c->root_fd))
		c->read_only = true;
	if (r == 0)
		r = make_mount(c, o, error);
	if (r == 0)
		r = files_of_mount_prepare(c, keeper.dev, error);
	if (r == 0 && !o->foreground)
		log_to_file(c->log_path, LOG_MAX_BYTES);
	if (r < 0)
		return r;
	keeper.git = spawn_git(c);
	keeper.worker = spawn_worker(memfd, &keeper.control);
	if (keeper.worker < 0) {
		buf_printf(error, "worker: %s", strerror(-keeper.worker));
		return keeper.worker;
	}
	return wait_until_serving(error);
}

/* ---- ending ---- */

static void detach(const char *why)
{
	int r;

	if (keeper.detached)
		return;
	r = mount_detach(shared->config.mountpoint, keeper.dev);
	if (r < 0)
		log_error("event=detach_failed why=%s error=\"%s\"", why, strerror(-r));
	else
		log_info("event=detached why=%s", why);
	keeper.detached = r == 0;
}

/* Whoever waits for the keeper's end finds everything closed then. What hangs on the lower is not waited for. */
static void wait_for(pid_t *child)
{
	AUTO_FD fd = *child > 0 ? pidfd_open(*child, 0) : -1;
	struct pollfd p = { fd, POLLIN, 0 };

	if (fd >= 0)
		poll(&p, 1, CHILD_END_MS);
	if (*child > 0 && waitpid(*child, NULL, WNOHANG) == *child)
		*child = 0;
}

static void end_children(void)
{
	if (keeper.worker > 0)
		kill(keeper.worker, SIGKILL);
	if (keeper.git > 0)
		kill(keeper.git, SIGTERM);
	wait_for(&keeper.git);
}

/* Whoever holds the device and doesn't serve makes every client hang: first all requests are made to fail. */
static int give_up(const char *why)
{
	log_error("event=mount_ended why=\"%s\"", why);
	mount_abort(shared->config.mountpoint, keeper.dev);
	for (uint32_t i = 0; i < shared->lane_count; i++)
		close(shared->config.device_fds[i]);
	detach("worker_died");
	end_children();
	files_of_mount_remove(&shared->config);
	return 1;
}

static int finish(void)
{
	log_info("event=end");
	wait_for(&keeper.worker);
	end_children();
	files_of_mount_remove(&shared->config);
	return 0;
}

/* ---- the loop ---- */

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == keeper.git) {
			log_warn("event=git_helper_ended status=%#x meaning=\"nothing counts as ignored from now on\"", status);
			keeper.git = 0;
		}
	}
}

static void hear_signal(void)
{
	struct signalfd_siginfo info;

	while (read(keeper.signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap();
		else
			detach("signal");
	}
}

/* False: the worker is gone. What it had said before is heard first. */
static bool hear_worker(void)
{
	enum control_message m;
	int r;

	while ((r = control_receive(keeper.control, &m, 1)) == 1) {
		if (m == CONTROL_DETACH)
			detach("asked");
		else if (m == CONTROL_ENDED)
			keeper.ended = true;
	}
	return r == -EAGAIN;
}

static int loop(void)
{
	struct pollfd p[] = {
		{ keeper.control, POLLIN, 0 },
		{ keeper.signals, POLLIN, 0 },
		{ keeper.lifeline, 0, 0 }, /* only its end is of interest */
	};

	for (;;) {
		if (poll(p, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return give_up("poll failed");
		}
		if (p[1].revents)
			hear_signal();
		if (p[2].revents & (POLLHUP | POLLERR | POLLNVAL)) {
			p[2].fd = -1;
			detach("lifeline");
		}
		if (p[0].revents && !hear_worker())
			return keeper.ended ? finish() : give_up("the worker died");
	}
}

static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void leave_terminal(void)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

int keeper_main(const struct options *o)
{
	AUTO_BUF error = { 0 };
	int r;

	keeper.options = o;
	keeper.lifeline = o->lifeline_fd;
	if (o->lifeline_fd >= 0)
		fcntl(o->lifeline_fd, F_SETFD, FD_CLOEXEC);
	if (o->ready_fd >= 0)
		fcntl(o->ready_fd, F_SETFD, FD_CLOEXEC);
	keeper.signals = take_signals();
	r = keeper.signals < 0 ? -errno : start(o, &error);
	if (r < 0) {
		ready_failed(o->ready_fd, r, buf_str(&error));
		if (keeper.dev) {
			give_up(buf_str(&error));
		}
		return 1;
	}
	r = ready_ok(o->ready_fd, &shared->config, keeper.dev);
	if (r < 0) {
		log_error("event=ready_failed error=\"%s\"", strerror(-r));
		return give_up("nobody to tell");
	}
	log_info("event=serving source=\"%s\" mountpoint=\"%s\" worker=%d", shared->config.source,
		 shared->config.mountpoint, keeper.worker);
	if (chdir("/"))
		log_warn("event=chdir_failed");
	if (!o->foreground)
		leave_terminal();
	return loop();
}
