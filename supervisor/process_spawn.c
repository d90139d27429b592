#include "supervisor/process_private.h"
#include "supervisor/secure_env.h"
#include "supervisor/sockets.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

struct spawn { /* everything that the child needs, made before the fork: there is no malloc after it */
	struct strv argv, env;
	const char *program;
	int fds[3 + SOCKETS_MAX + 1]; /* of the child, by their number there */
	size_t fd_count;
	bool foreground;
	int result; /* where the child writes why it could not */
};

static bool has_name(const char *entry, const char *name, size_t len)
{
	return strncmp(entry, name, len) == 0 && (entry[len] == '=' || entry[len] == '\0');
}

/* Of whoever has started hrfs, for hrfs itself: a job that took them for its own would speak to the wrong one. */
static bool is_private(const char *entry)
{
	static const char *const names[] = { "LISTEN_FDS",    "LISTEN_FDNAMES", "LISTEN_PID",
					     "NOTIFY_SOCKET", "WATCHDOG_PID",	"WATCHDOG_USEC" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (has_name(entry, names[i], strlen(names[i])))
			return true;
	return false;
}

/* what a hrfs-job with a capability would not be told */
static int add_kept(struct strv *out)
{
	size_t count = out->count;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		AUTO_BUF entry = { 0 };

		if (!secure_env_is_lost(out->items[i]))
			continue;
		r = buf_printf(&entry, SECURE_ENV_PREFIX "%s", out->items[i]);
		if (r == 0)
			r = strv_add(out, buf_str(&entry));
	}
	return r;
}

static int make_env(struct strv *out, char *const *more)
{
	int r = 0;

	for (char **e = environ; *e && r == 0; e++) {
		size_t len = strcspn(*e, "=");
		bool replaced = is_private(*e);

		for (char *const *m = more; m && *m && !replaced; m++)
			replaced = has_name(*m, *e, len);
		if (!replaced)
			r = strv_add(out, *e);
	}
	for (char *const *m = more; m && *m && r == 0; m++) {
		bool again = false;

		/* the last one of a name counts */
		for (char *const *later = m + 1; *later && !again; later++)
			again = has_name(*later, *m, strcspn(*m, "="));
		if (!again && strchr(*m, '='))
			r = strv_add(out, *m);
	}
	return r < 0 ? r : add_kept(out);
}

static int add_number(struct strv *argv, const char *option, size_t number)
{
	char text[24];
	int r = strv_add(argv, option);

	snprintf(text, sizeof(text), "%zu", number);
	return r < 0 ? r : strv_add(argv, text);
}

static int add_sockets(struct strv *argv, const struct sockets *sockets)
{
	AUTO_BUF names = { 0 };
	int r = add_number(argv, "--listen-fds", sockets_count(sockets));

	if (r == 0)
		r = sockets_names(sockets, &names);
	if (r == 0)
		r = strv_add(argv, "--listen-names");
	return r < 0 ? r : strv_add(argv, buf_str(&names));
}

static int make_argv(struct spawn *s, const struct process_options *o)
{
	size_t sockets = o->sockets ? sockets_count(o->sockets) : 0;
	int r = strv_add(&s->argv, "hrfs-job");

	if (r == 0)
		r = add_number(&s->argv, "--control", 3 + sockets);
	if (r == 0 && o->cwd) {
		r = strv_add(&s->argv, "--cwd");
		if (r == 0)
			r = strv_add(&s->argv, o->cwd);
	}
	if (r == 0 && o->witness) {
		r = strv_add(&s->argv, "--witness");
		if (r == 0)
			r = strv_add(&s->argv, o->witness);
	}
	if (r == 0 && sockets)
		r = add_sockets(&s->argv, o->sockets);
	if (r == 0 && o->mode != PROCESS_PIPE)
		r = strv_add(&s->argv, o->mode == PROCESS_PTY ? "--pty" : "--foreground");
	if (r == 0)
		r = strv_add(&s->argv, "--");
	for (char *const *a = o->argv; *a && r == 0; a++)
		r = strv_add(&s->argv, *a);
	return r;
}

/* Between fork and exec: system calls only. */
static _Noreturn void child(const struct spawn *s)
{
	int moved[ARRAY_SIZE(s->fds)], result, error;

	if (s->foreground)
		setpgid(0, 0);
	/* first all out of the way of where they go, then there */
	result = fcntl(s->result, F_DUPFD_CLOEXEC, 3 + SOCKETS_MAX + 1);
	for (size_t i = 0; i < s->fd_count; i++)
		moved[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, 3 + SOCKETS_MAX + 1);
	for (size_t i = 0; i < s->fd_count; i++)
		if (moved[i] < 0 || dup2(moved[i], (int)i) < 0)
			goto failed;
	execve(s->program, s->argv.items, s->env.items ? s->env.items : (char *[]){ NULL });
failed:
	error = errno;
	if (write(result, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* the child's pid, once it has become hrfs-job; or -errno */
static pid_t start(struct spawn *s)
{
	int ends[2], error = 0;
	sigset_t all, before;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	s->result = ends[1];
	/* a signal in the child must not run a handler of the loop, whose pipe the two still share */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		child(s);
	error = pid < 0 ? errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	/* in both, so that the group is there for whoever comes first */
	if (pid > 0 && s->foreground)
		setpgid(pid, pid);
	do
		n = pid > 0 ? read(ends[0], &error, sizeof(error)) : 0;
	while (n < 0 && errno == EINTR);
	close(ends[0]);
	if (error && pid > 0)
		waitpid(pid, NULL, 0);
	return error ? -error : pid;
}

/* descriptors for 0, 1 and 2 of the child; what is opened here is in mine[], closed by the caller */
static int open_streams(struct process *p, const struct process_options *o, int std[3], int mine[3])
{
	int ends[2], r;

	if (o->mode == PROCESS_TERMINAL) {
		for (int i = 0; i < 3; i++)
			std[i] = i;
		return 0;
	}
	if (o->mode == PROCESS_PTY) {
		r = process_open_pty(o, &p->streams[0].fd, &mine[0]);
		std[0] = std[1] = std[2] = mine[0];
		return r;
	}
	mine[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (mine[0] < 0 || pipe2(ends, O_CLOEXEC))
		return -errno;
	p->streams[0].fd = ends[0];
	mine[1] = mine[2] = ends[1];
	if (o->output && output_separate(output_of(o->output))) {
		mine[2] = -1;
		if (pipe2(ends, O_CLOEXEC))
			return -errno;
		p->streams[1].fd = ends[0];
		p->streams[1].error = true;
		mine[2] = ends[1];
	}
	memcpy(std, mine, 3 * sizeof(int));
	return 0;
}

static int start_with(struct process *p, const struct process_options *o, struct spawn *s)
{
	size_t sockets = o->sockets ? sockets_count(o->sockets) : 0;
	AUTO_FD ours = -1;
	AUTO_FD theirs = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	for (size_t i = 0; i < sockets; i++)
		s->fds[3 + i] = sockets_fd(o->sockets, i);
	s->fds[3 + sockets] = theirs;
	s->fd_count = 3 + sockets + 1;
	pid = start(s);
	if (pid < 0)
		return pid;
	p->job_pid = pid;
	p->control = take_fd(&ours);
	/* a child that nobody else waits for: the pid is its own until it is reaped here */
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p->pidfd >= 0)
		return 0;
	pid = -errno;
	kill(p->job_pid, SIGKILL);
	waitpid(p->job_pid, NULL, 0);
	return pid;
}

int process_spawn(struct process *p, const struct process_options *o, struct buf *error)
{
	struct spawn s = { .program = p->all->program, .foreground = o->mode == PROCESS_TERMINAL };
	int mine[3] = { -1, -1, -1 };
	int r = make_argv(&s, o);

	p->terminal = o->mode == PROCESS_TERMINAL ? o->terminal : NULL;
	p->pty_size = o->mode == PROCESS_PTY ? o->terminal : NULL;
	if (r == 0)
		r = make_env(&s.env, o->env);
	if (r == 0)
		r = open_streams(p, o, s.fds, mine);
	if (r == 0)
		r = start_with(p, o, &s);
	for (int i = 0; i < 3; i++)
		if (mine[i] >= 0 && (i == 0 || mine[i] != mine[i - 1]))
			close(mine[i]);
	strv_done(&s.argv);
	strv_done(&s.env);
	if (r < 0)
		buf_printf(error, "%s cannot be started (by %s): %s", o->job, p->all->program, strerror(-r));
	return r;
}
