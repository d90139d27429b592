#include "fs/replay_keep.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/control.h"
#include "fs/spawn.h"
#include "fs/workers.h"
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define FAILURES_MOST 5 /* while one worker serves */

static struct {
	pid_t pid;
	int socket; /* the worker's end, kept for its successor */
	bool wanted;
	bool leaving; /* it has been killed */
	int failures;
} helper = { .socket = -1 };

/* A name that nobody can know, so that none is looked up by chance. */
static int make_token(void)
{
	struct replay_helper *r = &shared->replay;
	uint64_t random[2];

	if (*r->token)
		return 0;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -1;
	snprintf(r->token, sizeof(r->token), ".hrfs-%016lx%016lx", random[0], random[1]);
	return 0;
}

static void set_pid(pid_t pid)
{
	helper.pid = pid;
	__atomic_store_n(&shared->replay.pid, pid, __ATOMIC_SEQ_CST);
}

static void start(int control)
{
	pid_t pid = helper.failures < FAILURES_MOST && make_token() == 0
			    ? spawn_replay(workers_program(), &shared->config, &helper.socket)
			    : -1;

	if (pid < 0) {
		log_error("event=no_replay_helper failures=%d", helper.failures);
		control_send(control, CONTROL_REPLAY, 0, -1);
		return;
	}
	set_pid(pid);
	helper.wanted = false;
	control_send(control, CONTROL_REPLAY, 0, helper.socket);
}

void helper_wanted(int control)
{
	if (helper.pid)
		helper.wanted = true; /* it is dying: when it is waited for */
	else
		start(control);
}

void helper_hand_over(int control)
{
	helper.failures = 0;
	helper.wanted = false;
	if (helper.pid && !helper.leaving)
		control_send(control, CONTROL_REPLAY, 0, helper.socket);
}

void helper_renew(void)
{
	if (!helper.pid)
		return;
	kill(helper.pid, SIGKILL); /* it has not been waited for: the number is still its own */
	helper.leaving = true;
}

void helper_ended(pid_t pid)
{
	if (pid == helper.pid)
		__atomic_store_n(&shared->replay.pid, 0, __ATOMIC_SEQ_CST);
}

void helper_reaped(pid_t pid, int control)
{
	if (!helper.pid || pid != helper.pid)
		return;
	helper.pid = 0;
	helper.failures += !helper.leaving;
	helper.leaving = false;
	close(take_fd(&helper.socket));
	log_warn("event=replay_helper_ended failures=%d", helper.failures);
	if (helper.wanted)
		start(control);
}

pid_t helper_leave(void)
{
	if (helper.socket >= 0)
		close(take_fd(&helper.socket));
	return helper.pid;
}
