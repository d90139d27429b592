#include "fs/git_keep.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/control.h"
#include "fs/spawn.h"
#include "fs/workers.h"
#include <signal.h>
#include <sys/socket.h>

#define FAILURES_MOST 5 /* while one worker serves */

static struct {
	pid_t pid; /* 0: there is none */
	int door;
	int failures;
} git = { .door = -1 };

static void start(void)
{
	pid_t pid = spawn_git(workers_program(), &shared->config, &git.door);

	git.pid = pid > 0 ? pid : 0;
}

/* One end goes to hrfs-git, the other to the worker. */
static void connect_worker(int control)
{
	int pair[2];

	if (!git.pid || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return;
	/* one that has just ended is told by git_reaped() */
	control_send(git.door, CONTROL_GIT, 0, pair[0]);
	control_send(control, CONTROL_GIT, 0, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

void git_hand_over(int control)
{
	git.failures = 0;
	if (!git.pid)
		start();
	connect_worker(control);
}

static void forget(void)
{
	git.pid = 0;
	if (git.door >= 0)
		close(take_fd(&git.door));
}

void git_renew(void)
{
	if (git.pid)
		kill(git.pid, SIGTERM); /* it has not been waited for: the number is still its own */
	forget();
}

void git_reaped(pid_t pid, int control)
{
	if (!git.pid || pid != git.pid)
		return;
	forget();
	if (control < 0)
		return; /* the next worker gets one */
	if (++git.failures > FAILURES_MOST) {
		log_error("event=git_helper_given_up meaning=\"nothing counts as ignored from now on\"");
		return;
	}
	log_warn("event=git_helper_ended action=\"started again\"");
	start();
	connect_worker(control);
}

pid_t git_leave(void)
{
	pid_t pid = git.pid;

	forget();
	return pid;
}
