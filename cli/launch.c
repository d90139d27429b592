#include "cli/launch.h"
#include "core/base/exe.h"
#include "core/base/leave.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define READY_MAX (1024 * 1024)

static int find(const char *name, struct buf *path, struct buf *error)
{
	int r = exe_find(name, path);

	if (r < 0)
		buf_printf(error, "%s is not where it should be (%s); is hrfs installed whole?", name, buf_str(path));
	return r;
}

static int add_number(struct strv *argv, const char *option, int number)
{
	char text[16];
	int r = strv_add(argv, option);

	snprintf(text, sizeof(text), "%d", number);
	return r < 0 ? r : strv_add(argv, text);
}

/* The program with `ready` and `lifeline` (-1: none) left open, all other descriptors are closed by exec. */
static pid_t spawn(char *const *argv, int ready, int lifeline, bool own_session)
{
	pid_t pid;

	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (pid != 0)
		return pid < 0 ? -errno : pid;
	if (own_session)
		leave_terminal();
	/* all paths are absolute, and a daemon that stands in somebody's directory keeps it busy */
	if (chdir("/"))
		_exit(126);
	fcntl(ready, F_SETFD, 0);
	if (lifeline >= 0)
		fcntl(lifeline, F_SETFD, 0);
	execv(argv[0], argv);
	dprintf(ready, "{\"ok\":false,\"error\":\"%s cannot be executed: %s\",\"errno\":\"%s\"}\n", argv[0],
		strerror(errno), strerrorname_np(errno));
	_exit(127);
}

/* One line, or what came until the end. */
static int read_line(int fd, struct buf *line)
{
	while (line->len < READY_MAX && !(line->len && line->data[line->len - 1] == '\n')) {
		ssize_t n;
		int r = buf_reserve(line, 4096);

		if (r < 0)
			return r;
		n = read(fd, line->data + line->len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		line->len += (size_t)n;
		line->data[line->len] = '\0';
	}
	return 0;
}

static int errno_by_name(const char *name)
{
	for (int e = 1; name && e < 134; e++) {
		const char *candidate = strerrorname_np(e);

		if (candidate && strcmp(candidate, name) == 0)
			return e;
	}
	return EIO;
}

/* What the started program says of itself. */
static int hear(int fd, const char *program, json_t **ready, struct buf *error)
{
	AUTO_BUF line = { 0 };
	const char *why;
	json_t *o;
	int r = read_line(fd, &line);

	o = r == 0 && line.len ? json_parse(line.data, line.len, &why) : NULL;
	if (!o) {
		buf_printf(error, "%s ended before it had begun to serve", program);
		return -EIO;
	}
	if (json_is_true(json_object_get(o, "ok"))) {
		*ready = o;
		return 0;
	}
	why = json_string_value(json_object_get(o, "error"));
	buf_puts(error, why ? why : "it failed without a word");
	r = -errno_by_name(json_string_value(json_object_get(o, "errno")));
	json_decref(o);
	return r;
}

/* Where the program says how it went: `told` is heard, `tell` becomes its --ready. */
struct ready_pipe {
	int told, tell;
};

static void ready_pipe_done(struct ready_pipe *p)
{
	cleanup_fd(&p->told);
	cleanup_fd(&p->tell);
}

static int ready_pipe_open(struct ready_pipe *p, struct strv *argv)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC))
		return -errno;
	p->told = pair[0];
	p->tell = pair[1];
	return add_number(argv, "--ready", p->tell);
}

/* *pid stays to be waited for when the program has said that all is well. */
static int start(const struct strv *argv, struct ready_pipe *p, int lifeline, bool own_session, json_t **ready,
		 pid_t *pid, struct buf *error)
{
	int r;

	*pid = spawn(argv->items, p->tell, lifeline, own_session);
	close(take_fd(&p->tell));
	if (*pid < 0)
		return *pid;
	r = hear(p->told, argv->items[0], ready, error);
	if (r < 0)
		waitpid(*pid, NULL, 0); /* it ends by itself */
	return r;
}

int launch_daemon(const struct launch *l, json_t **ready, pid_t *pid, struct buf *error)
{
	AUTO_DONE(ready_pipe) struct ready_pipe told = { -1, -1 };
	AUTO_STRV argv = { 0 };
	AUTO_BUF path = { 0 };
	int r = find("hrfs-fs", &path, error);

	if (r == 0)
		r = strv_add(&argv, path.data);
	if (r == 0)
		r = ready_pipe_open(&told, &argv);
	for (size_t i = 0; r == 0 && i < l->options->count; i++) {
		r = strv_add(&argv, "-o");
		if (r == 0)
			r = strv_add(&argv, l->options->items[i]);
	}
	if (r == 0 && l->lifeline >= 0)
		r = add_number(&argv, "--lifeline", l->lifeline);
	if (r == 0 && l->foreground)
		r = strv_add(&argv, "--foreground");
	if (r == 0)
		r = strv_add(&argv, "--");
	if (r == 0)
		r = strv_add(&argv, l->source);
	if (r == 0)
		r = strv_add(&argv, l->mountpoint);
	return r < 0 ? r : start(&argv, &told, l->lifeline, !l->foreground, ready, pid, error);
}

int launch_add_pair(struct strv *argv, const char *option, const char *value)
{
	int r = strv_add(argv, option);

	return r < 0 ? r : strv_add(argv, value);
}

int launch_supervisor_argv(const struct launch_mount *m, struct strv *argv, struct buf *error)
{
	AUTO_BUF path = { 0 };
	int r = find("hrfs-supervisor", &path, error);

	if (r == 0)
		r = strv_add(argv, path.data);
	if (r == 0)
		r = launch_add_pair(argv, "--socket", m->socket);
	if (r == 0)
		r = launch_add_pair(argv, "--mountpoint", m->mountpoint);
	if (r == 0)
		r = launch_add_pair(argv, "--source", m->source);
	return r == 0 && m->device ? launch_add_pair(argv, "--device", m->device) : r;
}

int launch_supervisor(struct strv *argv, char *const *command, json_t **ready, struct buf *error)
{
	AUTO_DONE(ready_pipe) struct ready_pipe told = { -1, -1 };
	pid_t pid;
	int r = strv_add(argv, "--detached");

	if (r == 0)
		r = ready_pipe_open(&told, argv);
	if (r == 0)
		r = launch_add_command(argv, command);
	return r < 0 ? r : start(argv, &told, -1, true, ready, &pid, error);
}

int launch_add_command(struct strv *argv, char *const *command)
{
	int r = command ? strv_add(argv, "--") : 0;

	for (; r == 0 && command && *command; command++)
		r = strv_add(argv, *command);
	return r;
}
