#include "fs/session.h"
#include "core/base/log.h"
#include "fs/adopt.h"
#include "fs/control.h"
#include "fs/counts.h"
#include "fs/crash.h"
#include "fs/keep.h"
#include "fs/lane.h"
#include "fs/layout.h"
#include "fs/notify.h"
#include "fs/parts.h"
#include "fs/replay.h"
#include "fs/shared.h"
#include "fs/sidedoor.h"
#include "fs/slow.h"
#include "fs/table.h"
#include "fs/window.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
	int memfd;
	bool upgrades; /* the worker before it was another program's */
	bool areas_are_made;
} session;

/* Until the kernel has ended the connection (0) or the keeper is dead (-EPIPE). */
static int wait_for_end(int control)
{
	struct pollfd p[] = { { control, POLLIN, 0 }, { lanes_event(), POLLIN, 0 } };

	for (;;) {
		struct control_packet packet;
		int fd, r;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			return 0;
		if (!p[0].revents)
			continue;
		r = control_receive(control, &packet, &fd, 1);
		if (r == 0)
			return -EPIPE;
		if (r == 1 && packet.message == CONTROL_GIT)
			parts_use_git(fd);
		else if (r == 1 && packet.message == CONTROL_REPLAY)
			replay_use_helper(fd);
		else if (fd >= 0)
			close(fd);
	}
}

/* For the worker of another program; this one stays a standby. */
static void make_areas(int control)
{
	int r = layout_make(session.memfd, shared->wanted);

	if (r < 0)
		log_error("event=convert_failed error=\"%s\"", strerror(-r));
	control_send(control, r < 0 ? CONTROL_NO : CONTROL_YES, 0, -1);
}

/* A standby waits here, with what it is handed for the time after. 0, or -EPIPE: there is no keeper any more */
static int wait_for_go(int control)
{
	struct control_packet packet;
	int fd;

	for (;;) {
		if (control_receive(control, &packet, &fd, 0) <= 0)
			return -EPIPE;
		if (packet.message == CONTROL_GO) {
			session.areas_are_made = packet.id == 1;
			return 0;
		}
		if (packet.message == CONTROL_GIT)
			parts_use_git(fd);
		else if (packet.message == CONTROL_REPLAY)
			replay_use_helper(fd);
		else if (packet.message == CONTROL_CAN_MAKE)
			control_send(control, layout_can_make(shared->wanted) ? CONTROL_YES : CONTROL_NO, 0, -1);
		else if (packet.message == CONTROL_MAKE)
			make_areas(control);
		else if (adopt_later(packet.message, packet.id, fd) < 0)
			return -ENOMEM;
	}
}

/* A node that no answer has told of would never be forgotten. */
static void sweep(void)
{
	pthread_mutex_lock(&table_lock);
	table_sweep();
	pthread_mutex_unlock(&table_lock);
}

/* What the program before has left, in this one's layouts. The areas in force stay as they are until commit. */
static int take_areas(void)
{
	int r = 0;

	if (!session.areas_are_made)
		r = layout_make(session.memfd, layouts.number);
	if (r == 0)
		r = shared_use_areas(session.memfd, layout_made());
	if (r == 0)
		lanes_lock();
	return r;
}

/* The lanes first: clients wait for them, and the rest can come after. */
static int start(int control)
{
	int r = session.upgrades ? take_areas() : 0;
	bool first = r == 0 && !shared_lanes->init_size;

	if (r == 0)
		r = parts_start_state();
	if (r == 0) {
		adopt_all();
		for (uint32_t i = 0; i < shared->lane_count; i++)
			counts_recover(&shared_lanes->lane[i]);
		sweep();
		r = notify_start(lanes_fuse());
	}
	if (r == 0)
		r = lanes_initialise();
	if (r == 0 && session.upgrades)
		layout_commit();
	if (r == 0)
		r = sidedoor_read(); /* it takes events, which are lost with areas that are not in force */
	if (r == 0 && first)
		r = parts_start_serving(control);
	window_start(first);
	if (r == 0)
		r = lanes_start();
	if (r == 0 && !first)
		r = parts_start_serving(control);
	return r;
}

/* Everything that needs no knowledge of what the worker before does. */
static int get_ready(int control)
{
	fcntl(control, F_SETFD, FD_CLOEXEC);
	crash_handle();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is for the supervisor; the keeper says when it is over */
	keep_start(control);
	prctl(PR_SET_NAME, "hrfs-fs"); /* not the descriptor's number that it was executed by */
	return lanes_prepare();
}

/* Before the worker that serves is stopped. false: it has been said why not */
static bool fits(int control, int later_stderr)
{
	AUTO_BUF why = { 0 };
	bool can = layout_can_make(layouts.number);

	memcpy(shared->wanted, layouts.number, sizeof(shared->wanted));
	if (!can) {
		layout_explain(layouts.number, &why);
		fprintf(stderr, "%s\n", buf_str(&why));
	}
	dup2(later_stderr, STDERR_FILENO);
	close(later_stderr);
	return control_send(control, can ? CONTROL_FITS : CONTROL_FOREIGN, 0, -1) == 0;
}

/* What is in memory can be used. -errno, when that has been logged */
static int open_memory(int memfd, bool upgrades)
{
	int r = shared_map(memfd);

	session.memfd = memfd;
	session.upgrades = upgrades;
	if (r == 0 && upgrades)
		return 0;
	if (r == 0 && !layout_in_force(layouts.number))
		r = -EPROTO;
	if (r == 0)
		r = shared_use_areas(memfd, shared_areas());
	if (r < 0)
		log_error("event=worker_failed what=memory error=\"%s\"", strerror(-r));
	return r;
}

int session_main(int memfd, int control, int later_stderr)
{
	bool upgrades = later_stderr >= 0;
	int r = open_memory(memfd, upgrades);

	if (r < 0)
		return 1;
	if (!shared->config.foreground)
		log_to_file(shared->config.log_path, LOG_MAX_BYTES);
	r = get_ready(control);
	if (r == 0 && upgrades && !fits(control, later_stderr))
		r = -EPIPE;
	if (r == 0)
		r = wait_for_go(control);
	if (r == -EPIPE)
		return 1; /* a standby whose keeper has ended */
	if (r == 0)
		r = start(control);
	if (r < 0) {
		log_error("event=worker_failed error=\"%s\"", strerror(-r));
		lane_crashed(); /* its own fault: the keeper sees its socket closed, perhaps before its exit status */
		return 1;
	}
	layout_free_unused(memfd);
	control_send(control, CONTROL_SERVING, 0, -1);
	r = wait_for_end(control);
	parts_stop();
	if (r == 0) {
		if (lanes_aborted()) { /* it is still there, and dead */
			log_error(
				"event=connection_aborted action=unmount meaning=\"somebody has ended it in /sys/fs/fuse/connections\"");
			control_send(control, CONTROL_DETACH, 0, -1);
		}
		control_send(control, CONTROL_ENDED, 0, -1);
		if (slow_oldest_ns())
			_exit(0); /* a thread hangs in the lower, and nothing that looks after threads is to wait for it */
		return 0;
	}
	log_error("event=keeper_died action=unmount");
	parts_abort_mount();
	return 1;
}
