#include "fs/keeper.h"
#include "core/base/leave.h"
#include "core/base/log.h"
#include "fs/die.h"
#include "fs/files_of_mount.h"
#include "fs/last.h"
#include "fs/oom.h"
#include "fs/ready.h"
#include "fs/server.h"
#include "fs/shared.h"
#include "fs/sidedoor_mark.h"
#include "fs/upgrade.h"
#include "fs/version.h"
#include "fs/workers.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

static struct {
	const struct options *options;
	dev_t dev;
	int lifeline;
	int signals;
	bool detached, ended, serving;
} keeper;

/* ---- starting ---- */

/* With its links: they may be made to lead elsewhere. Where it can't be had, "": then what it has led to first counts. */
static void note_path(struct worker_config *c, const char *source)
{
	char at[PATH_MAX] = "";
	int len;

	if (*source != '/' && !getcwd(at, sizeof(at)))
		return;
	len = snprintf(c->source_path, sizeof(c->source_path), "%s%s%s", at, *source == '/' ? "" : "/", source);
	if (len >= (int)sizeof(c->source_path))
		*c->source_path = '\0';
}

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
	note_path(c, o->source);
	/* by descriptor: what is opened is what will be served, also when it is mounted over */
	return fstat(c->root_fd, &st) ? -errno : 0;
}

static int clone_devices(struct worker_config *c, int device)
{
	c->device_fds[0] = device;
	for (uint32_t i = 1; i < LANES_MAX; i++) {
		c->device_fds[i] =
			feature_wanted(FEATURE_CLONE) ? mount_clone_device(device) : mount_duplicate_device(device);
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
	shared->lane_count = (uint32_t)o->threads;
	shared->start_time = time(NULL);
	snprintf(shared->keeper_version, sizeof(shared->keeper_version), "%s", FS_VERSION);
	c->settle_quiet_ms = (uint32_t)o->settle_quiet_ms;
	c->settle_cap_ms = (uint32_t)o->settle_cap_ms;
	c->without = o->without;
	c->takeover = !o->no_takeover;
	c->allow_other = o->mount.allow_other;
	c->sidedoor_off = o->no_sidedoor || o->sole_writer;
	c->sole_writer = o->sole_writer;
	c->answer_opens = o->answer_opens;
	c->read_only = o->mount.read_only;
	c->foreground = o->foreground;
	c->replay = (uint8_t)o->replay;
	c->keeper_pid = getpid();
}

static void detach(const char *why);
static void hear_others(const struct pollfd *signals, const struct pollfd *lifeline);

static void said(enum control_message m)
{
	if (m == CONTROL_SERVING)
		keeper.serving = true;
	else if (m == CONTROL_DETACH)
		detach("asked");
	else if (m == CONTROL_ENDED)
		keeper.ended = true;
}

/* The mount answers when the worker says so; dead before that, its log says why. */
static int wait_until_serving(struct buf *error)
{
	while (!keeper.serving) {
		struct pollfd p[] = {
			{ workers_active_socket(), POLLIN, 0 },
			{ keeper.signals, POLLIN, 0 },
			{ keeper.lifeline, 0, 0 },
		};

		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (p[0].revents && !workers_hear(said) && !workers_replace()) {
			buf_printf(error, "the mount's worker ended before it could serve; see %s",
				   shared->config.log_path);
			return -EIO;
		}
		/* what the worker needs may hang */
		hear_others(&p[1], &p[2]);
		if (keeper.detached) {
			buf_puts(error, "it was told to end before it could serve");
			return -ECANCELED;
		}
	}
	return 0;
}

static int listen_for_clients(struct worker_config *c, struct buf *error)
{
	c->listener = server_listen(c->socket_path, c->allow_other);
	if (c->listener < 0)
		buf_printf(error, "%s: %s", c->socket_path, strerror(-c->listener));
	return c->listener < 0 ? c->listener : 0;
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
	keeper.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return keeper.signals < 0 ? -errno : 0;
}

static int start(const struct options *o, struct buf *error)
{
	struct program own = NO_PROGRAM;
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
		r = files_of_mount_check(c, error);
	if (r == 0)
		r = take_signals(); /* until here the source may hang, and a signal just ends it */
	if (r == 0) {
		program_own(&own); /* once the mount is made, what lies below it needs a worker */
		r = make_mount(c, o, error);
	}
	if (r == 0)
		r = files_of_mount_prepare(c, keeper.dev, error);
	if (r == 0)
		r = listen_for_clients(c, error);
	if (r == 0 && !o->foreground)
		log_to_file(c->log_path, LOG_MAX_BYTES);
	if (r < 0)
		return r;
	die_prepare();
	last_start();
	sidedoor_prepare(c);
	r = workers_start(memfd, &own);
	if (r < 0) {
		buf_printf(error, "worker: %s", strerror(-r));
		return r;
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

/* Whoever holds the device and doesn't serve makes every client hang: first all requests are made to fail. */
static int give_up(const char *why)
{
	log_error("event=mount_ended why=\"%s\"", why);
	mount_abort(shared->config.mountpoint, keeper.dev);
	for (uint32_t i = 0; i < LANES_MAX; i++)
		close(shared->config.device_fds[i]);
	detach("worker_died");
	workers_end(true);
	files_of_mount_remove(&shared->config);
	return 1;
}

static int finish(void)
{
	log_info("event=end");
	workers_end(false);
	last_end();
	files_of_mount_remove(&shared->config);
	return 0;
}

/* ---- the loop ---- */

/* Workers are told dead by their sockets, the helpers by this. */
static void reap(void)
{
	siginfo_t child = { .si_pid = 0 };

	/* first looked at: as soon as it is waited for, its number may be another's */
	while (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid) {
		workers_ended(child.si_pid);
		waitpid(child.si_pid, NULL, WNOHANG);
		workers_reaped(child.si_pid);
		last_reaped(child.si_pid);
		child.si_pid = 0;
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

static void hear_others(const struct pollfd *signals, const struct pollfd *lifeline)
{
	if (signals->revents)
		hear_signal();
	if (lifeline->revents & (POLLHUP | POLLERR | POLLNVAL)) {
		keeper.lifeline = -1;
		detach("lifeline");
	}
}

static int loop(void)
{
	for (;;) {
		struct pollfd p[] = {
			{ workers_active_socket(), POLLIN, 0 },
			{ workers_standby_socket(), POLLIN, 0 },
			{ upgrade_socket(), POLLIN, 0 },
			{ keeper.signals, POLLIN, 0 },
			{ keeper.lifeline, 0, 0 }, /* only its end is of interest */
		};

		int n = poll(p, ARRAY_SIZE(p), upgrade_time_left_ms());

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return give_up("poll failed");
		}
		/* the worker first: the helper that ends with it is not to be started again */
		if (p[0].revents) {
			bool lives = workers_hear(said);

			/* by its word: its socket stays open while one of its threads hangs in the lower */
			if (keeper.ended)
				return finish();
			if (!lives && !workers_replace())
				return give_up("the worker died");
		}
		upgrade_check_time();
		if (p[1].revents)
			workers_standby_heard();
		if (p[2].revents)
			upgrade_heard();
		if (workers_active_socket() < 0 && !upgrade_is_making())
			return give_up("no worker could be started");
		hear_others(&p[3], &p[4]);
	}
}

/* It holds a copy of each descriptor that the worker, with a higher limit, could not have again. */
static void raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
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
	signal(SIGPIPE, SIG_IGN);
	oom_spare();
	raise_limit();
	r = start(o, &error);
	if (r < 0) {
		ready_failed(o->ready_fd, r, buf_str(&error));
		if (keeper.dev)
			give_up(buf_str(&error));
		return 1;
	}
	r = ready_ok(o->ready_fd, &shared->config, keeper.dev);
	if (r < 0) {
		log_error("event=ready_failed error=\"%s\"", strerror(-r));
		return give_up("nobody to tell");
	}
	log_info("event=serving source=\"%s\" mountpoint=\"%s\" worker=%d", shared->config.source,
		 shared->config.mountpoint, workers_active_pid());
	if (chdir("/"))
		log_warn("event=chdir_failed");
	if (!o->foreground)
		leave_terminal();
	return loop();
}
