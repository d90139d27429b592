#include "fs/session.h"
#include "core/base/log.h"
#include "fs/adopt.h"
#include "fs/control.h"
#include "fs/counts.h"
#include "fs/crash.h"
#include "fs/keep.h"
#include "fs/lane.h"
#include "fs/notify.h"
#include "fs/parts.h"
#include "fs/replay.h"
#include "fs/shared.h"
#include "fs/slow.h"
#include "fs/table.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

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

/* A standby waits here, with what it is handed for the time after. 0, or -EPIPE: there is no keeper any more */
static int wait_for_go(int control)
{
	struct control_packet packet;
	int fd;

	for (;;) {
		if (control_receive(control, &packet, &fd, 0) <= 0)
			return -EPIPE;
		if (packet.message == CONTROL_GO)
			return 0;
		if (packet.message == CONTROL_GIT)
			parts_use_git(fd);
		else if (packet.message == CONTROL_REPLAY)
			replay_use_helper(fd);
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

/* The lanes first: clients wait for them, and the rest can come after. */
static int start(int control)
{
	bool first = !shared_lanes->init_size;
	int r = parts_start_state();

	if (r == 0) {
		adopt_all();
		for (uint32_t i = 0; i < shared->lane_count; i++)
			counts_recover(&shared_lanes->lane[i]);
		sweep();
		r = notify_start(lanes_fuse());
	}
	if (r == 0)
		r = lanes_initialise();
	if (r == 0 && first)
		r = parts_start_serving(control);
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
	return lanes_prepare();
}

int session_main(int memfd, int control)
{
	int r = shared_map(memfd);

	if (r == 0)
		r = shared_use_areas(memfd, shared_areas());
	if (r < 0)
		return 1;
	if (!shared->config.foreground)
		log_to_file(shared->config.log_path, LOG_MAX_BYTES);
	r = get_ready(control);
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
