#include "supervisor/job/life.h"
#include "core/base/buf.h"
#include "supervisor/cgroup.h"
#include "supervisor/job/explain.h"
#include "supervisor/tree.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MAX_MESSAGE 4096
#define KILL_FIRST_MS 2
#define KILL_LAST_MS 200

struct life {
	struct program *program;
	int control, signals; /* control: -1 once the supervisor is gone */
	bool begun, executed, over;
	int asked; /* the signal that asked it to end, 0: none yet */
	bool killing;
	int kill_ms; /* until the next round */
	struct buf cgroup;
};

static void say(struct life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct life *l, const char *format, ...)
{
	char text[MAX_MESSAGE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (l->control >= 0)
		send(l->control, text, strlen(text), MSG_NOSIGNAL);
}

/* every process of the tree for which `which` says so */
static void signal_tree(int sig, bool (*which)(const struct life *l, const struct proc_stat *p), const struct life *l)
{
	AUTO_TREE tree = { 0 };

	if (tree_below(getpid(), &tree) < 0)
		return;
	for (size_t i = 0; i < tree.count; i++) {
		if (!which || which(l, &tree.processes[i]))
			tree_signal(&tree.processes[i], sig);
	}
}

static bool outside_group(const struct life *l, const struct proc_stat *p)
{
	return p->group != (l->program->group ? l->program->group : getpgrp());
}

/* No stranger is in its group: groups lie within a session, and this one was made by the tree, or the group was. */
static bool in_own_group(const struct proc_stat *p)
{
	return p->group != getpgrp() && (p->group == p->pid || p->session != getsid(0) || getsid(0) == getpid());
}

/*
 * A group is signalled as a whole by the kernel, so that nothing can be forked past it: neither by a chain of
 * processes, whose leader is long gone.
 */
static void kill_groups(void)
{
	AUTO_TREE tree = { 0 };

	if (tree_below(getpid(), &tree) < 0)
		return;
	for (size_t i = 0; i < tree.count; i++)
		if (in_own_group(&tree.processes[i]))
			kill(-tree.processes[i].group, SIGKILL);
}

static void kill_round(struct life *l)
{
	if (l->cgroup.len)
		cgroup_kill(l->cgroup.data);
	kill_groups();
	signal_tree(SIGKILL, NULL, l);
	l->kill_ms = l->kill_ms ? l->kill_ms * 2 : KILL_FIRST_MS;
	if (l->kill_ms > KILL_LAST_MS)
		l->kill_ms = KILL_LAST_MS;
}

static void kill_all(struct life *l)
{
	if (l->killing)
		return;
	l->killing = true;
	if (l->begun)
		kill_round(l);
	else
		l->over = true;
}

static void ask(struct life *l, int sig)
{
	if (sig == SIGKILL) {
		kill_all(l);
		return;
	}
	if (!l->begun) {
		l->over = true;
		return;
	}
	l->asked = sig;
	if (l->program->pid) {
		kill(-l->program->group, sig);
		/* what Ctrl-Z has stopped could not take the other one */
		kill(-l->program->group, SIGCONT);
	} else {
		signal_tree(sig, NULL, l);
		signal_tree(SIGCONT, NULL, l);
	}
}

/* whether the program was executed is known now */
static void exec_done(struct life *l)
{
	struct program *p = l->program;
	int error = program_result(p);
	AUTO_BUF text = { 0 };

	l->executed = error == 0;
	if (error == 0) {
		say(l, "started %d", p->pid);
		return;
	}
	if (error < 0) {
		say(l, "failed the working directory %s cannot be entered: %s", p->cwd, strerror(-error));
		return;
	}
	/* a word such as ./server is looked for from there */
	if (p->cwd && chdir(p->cwd))
		error = errno;
	explain_exec(error, p->argv[0], &text);
	say(l, "failed %s", buf_str(&text));
	/* hrfs-job stands in nobody's way; where it cannot leave, it ends soon anyway */
	if (chdir("/"))
		return;
}

static void program_ended(struct life *l, int status)
{
	if (l->program->exec_fd >= 0)
		exec_done(l);
	l->program->pid = 0;
	if (!l->executed)
		return;
	if (WIFSIGNALED(status))
		say(l, "signalled %d", WTERMSIG(status));
	else
		say(l, "exited %d", WEXITSTATUS(status));
}

static void reap(struct life *l)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != l->program->pid)
			continue;
		program_ended(l, status);
		ended = l->executed;
	}
	/* orphans of the tree become children of its subreaper: without children there is no tree */
	if (l->begun && pid < 0 && errno == ECHILD)
		l->over = true;
	else if (ended && l->asked && !l->killing)
		/* its group has had the signal, a second one makes many servers give up what they finish */
		signal_tree(l->asked, outside_group, l);
}

static void begin(struct life *l)
{
	int r;

	if (l->begun)
		return;
	r = program_start(l->program);
	if (r < 0) {
		say(l, "failed %s cannot be started: %s", l->program->argv[0], strerror(-r));
		l->over = true;
	}
	l->begun = r == 0;
}

static void command(struct life *l)
{
	char text[64];
	ssize_t n = recv(l->control, text, sizeof(text) - 1, 0);
	int sig;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		l->control = -1;
		kill_all(l);
		return;
	}
	text[n] = '\0';
	if (strcmp(text, "g") == 0)
		begin(l);
	else if (strcmp(text, "kill") == 0)
		kill_all(l);
	else if (sscanf(text, "term %d", &sig) == 1)
		ask(l, sig);
	else if (sscanf(text, "signal %d", &sig) == 1 && l->program->pid)
		kill(l->program->pid, sig);
}

/* In the terminal's foreground group: what its user types reaches hrfs-job as it does the program. */
static void take_signals(struct life *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		bool typed = info.ssi_code == SI_KERNEL;

		switch (info.ssi_signo) {
		case SIGCHLD:
			break;
		case SIGINT:
		case SIGQUIT:
		case SIGHUP:
			if (typed)
				say(l, "typed %u", info.ssi_signo);
			break;
		case SIGTSTP: /* or by a program that reads Ctrl-Z itself, as editors do */
			say(l, "typed %u", info.ssi_signo);
			break;
		default:
			break;
		}
	}
}

static void turn(struct life *l)
{
	struct pollfd fds[] = {
		{ .fd = l->control, .events = POLLIN },
		{ .fd = l->signals, .events = POLLIN },
		{ .fd = l->program->exec_fd, .events = POLLIN },
	};

	/* only a signal wakes it otherwise, and none can be missed: they are queued in the descriptor */
	if (poll(fds, ARRAY_SIZE(fds), l->killing ? l->kill_ms : -1) < 0)
		return;
	if (fds[1].revents)
		take_signals(l);
	if (fds[2].revents)
		exec_done(l);
	if (fds[0].revents)
		command(l);
	reap(l);
	if (l->killing && !l->over && !fds[0].revents && !fds[1].revents && !fds[2].revents)
		kill_round(l);
}

int life_run(struct program *program, int control)
{
	struct life l = { .program = program, .control = control };
	sigset_t all;

	program->exec_fd = -1;
	sigfillset(&all);
	l.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l.signals < 0)
		return -errno;
	/* while the supervisor tells the mount of the job */
	if (cgroup_make(&l.cgroup) == 0) {
		program->cgroup = l.cgroup.data;
		say(&l, "cgroup %s", l.cgroup.data);
	}
	while (!l.over)
		turn(&l);
	if (l.cgroup.len)
		cgroup_remove(l.cgroup.data);
	say(&l, "empty");
	buf_done(&l.cgroup);
	close(l.signals);
	return 0;
}
