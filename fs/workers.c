#include "fs/workers.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/git_keep.h"
#include "fs/kept.h"
#include "fs/replay_keep.h"
#include "fs/spawn.h"
#include "fs/upgrade.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#define FAILURES_MOST 3 /* workers that ended since one last began or ended to serve */
#define REST_NS 500000
#define END_MS 3000 /* from a child's last word to its end, when it hangs on nothing */

static const struct worker none = NO_WORKER;
static struct worker active = NO_WORKER, standby = NO_WORKER;
static struct program program = NO_PROGRAM;
static int memory;
static int failures;

static int spawn(struct worker *w)
{
	*w = none;
	w->pid = spawn_worker(&program, memory, &w->control);
	if (w->pid > 0)
		return 0;
	log_error("event=no_worker error=%d", -w->pid);
	return w->pid;
}

static void hand_over(uint32_t kind, uint64_t id, int fd, void *arg)
{
	control_send(active.control, (enum control_message)kind, id, fd);
}

static void go(uint64_t id)
{
	shared->generation++;
	git_hand_over(active.control);
	helper_hand_over(active.control);
	kept_each(hand_over, NULL);
	control_send(active.control, CONTROL_GO, id, -1);
}

int workers_start(int memfd, struct program *p)
{
	int r;

	memory = memfd;
	program = *p;
	*p = (struct program)NO_PROGRAM;
	r = spawn(&active);
	if (r < 0)
		return r;
	go(0);
	if (shared->config.takeover)
		spawn(&standby);
	return 0;
}

int workers_active_socket(void)
{
	return active.control;
}

int workers_standby_socket(void)
{
	return standby.control;
}

pid_t workers_active_pid(void)
{
	return active.pid;
}

/* Files are removed one upon the other, with two messages for each, and nobody waits for those to be heard: many at once. */
static void rest(void)
{
	const struct timespec t = { .tv_nsec = REST_NS };

	nanosleep(&t, NULL);
}

bool workers_hear(void (*said)(enum control_message m))
{
	struct control_packet p;
	bool keeps = false;
	int fd, r;

	while ((r = control_receive(active.control, &p, &fd, 1)) == 1) {
		switch (p.message) {
		case CONTROL_KEEP_VICTIM:
			keeps = true;
			/* fall through */
		case CONTROL_KEEP_FILE:
			if (fd >= 0)
				kept_add(p.message, p.id, fd);
			break;
		case CONTROL_DROP_VICTIM:
			keeps = true;
			kept_remove(CONTROL_KEEP_VICTIM, p.id);
			break;
		case CONTROL_DROP_FILE:
			kept_remove(CONTROL_KEEP_FILE, p.id);
			break;
		case CONTROL_REPLAY:
			helper_wanted(active.control);
			break;
		case CONTROL_UPGRADE:
			upgrade_asked(fd);
			break;
		case CONTROL_SERVING:
			active.served = true;
			failures = 0;
			upgrade_serves();
			/* fall through */
		default:
			said((enum control_message)p.message);
			break;
		}
	}
	if (r == -EAGAIN && keeps)
		rest();
	/* without memory it is to be heard later: its end is told by 0 alone */
	return r == -EAGAIN || r == -ENOMEM || r == -ENOBUFS;
}

/* Did it end by its own fault? A kill from outside says nothing of the next one. */
static bool has_failed(pid_t pid)
{
	static uint32_t crashes;
	bool crashed = crashes != shared->crashes;
	int status;

	crashes = shared->crashes;
	return crashed || (waitpid(pid, &status, WNOHANG) == pid && WIFEXITED(status));
}

bool workers_replace(void)
{
	bool failed = has_failed(active.pid);

	log_warn("event=worker_died pid=%d generation=%u why=%s", active.pid, shared->generation,
		 failed ? "crashed" : "killed");
	close(active.control);
	if (active.served)
		failures = 0;
	else if (failed)
		failures++;
	active = none;
	if (upgrade_goes_on())
		return true;
	if (!shared->config.takeover || failures >= FAILURES_MOST)
		return false;
	return workers_go_on();
}

bool workers_go_on(void)
{
	if (standby.pid > 0)
		active = standby;
	else if (spawn(&active) < 0)
		return false;
	standby = none;
	go(0);
	spawn(&standby);
	return true;
}

static void standby_died(void)
{
	failures += has_failed(standby.pid);
	close(standby.control);
	standby = none;
	log_warn("event=standby_died failures=%d", failures);
	upgrade_standby_died();
	if (standby.pid <= 0 && failures < FAILURES_MOST && !upgrade_is_starting())
		spawn(&standby);
}

void workers_standby_heard(void)
{
	struct control_packet p;
	int fd, r = -EAGAIN;

	while (standby.control >= 0 && (r = control_receive(standby.control, &p, &fd, 1)) == 1) {
		if (fd >= 0)
			close(fd);
		upgrade_standby_said((enum control_message)p.message);
	}
	if (standby.control >= 0 && r != -EAGAIN)
		standby_died();
}

/* ---- for an upgrade ---- */

int workers_memory(void)
{
	return memory;
}

bool workers_tell_standby(enum control_message m)
{
	return standby.pid > 0 && control_send(standby.control, m, 0, -1) == 0;
}

void workers_drop(struct worker *w)
{
	if (w->pid > 0)
		kill(w->pid, SIGKILL);
	if (w->control >= 0)
		close(w->control);
	*w = none;
}

void workers_drop_standby(void)
{
	workers_drop(&standby);
}

void workers_kill_active(void)
{
	kill(active.pid, SIGKILL);
}

void workers_swap_program(struct program *p)
{
	struct program before = program;

	program = *p;
	*p = before;
	git_renew();
	helper_renew();
}

void workers_go_with(struct worker *w, uint64_t id)
{
	active = *w;
	*w = none;
	go(id);
}

void workers_new_standby(void)
{
	workers_drop(&standby);
	spawn(&standby);
}

void workers_ended(pid_t pid)
{
	helper_ended(pid);
}

const struct program *workers_program(void)
{
	return &program;
}

void workers_reaped(pid_t pid)
{
	helper_reaped(pid, active.control);
	git_reaped(pid, active.control);
}

/* What hangs on the lower is not waited for. */
static void wait_for(pid_t pid)
{
	AUTO_FD fd = pid > 0 ? pidfd_open(pid, 0) : -1;
	struct pollfd p = { fd, POLLIN, 0 };

	if (fd < 0 || poll(&p, 1, END_MS) > 0)
		return;
	kill(pid, SIGKILL);
	poll(&p, 1, END_MS);
}

/* Whoever waits for the keeper's end finds everything closed then. */
void workers_end(bool at_once)
{
	pid_t candidate = upgrade_end();

	if (standby.pid > 0)
		kill(standby.pid, SIGKILL);
	if (at_once && active.pid > 0)
		kill(active.pid, SIGKILL);
	wait_for(active.pid);
	wait_for(standby.pid);
	wait_for(candidate);
	wait_for(git_leave());
	wait_for(helper_leave());
}
