#include "fs/git/program.h"
#include "core/base/path.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define OUT_MAX (4 * 1024 * 1024)
#define EXIT_NO_PROGRAM 127
#define RETRIES 16 /* of a check-ignore that died of one path */

struct child {
	pid_t pid;
	int in, out; /* our ends */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void become_program(char *const argv[], const char *dir, int in, int out, pid_t parent)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	signal(SIGPIPE, SIG_DFL);
	/* what git says in error is asked for on the output, where it belongs to the answer */
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 || chdir(dir))
		_exit(126);
	execvp(argv[0], argv);
	_exit(EXIT_NO_PROGRAM);
}

static int start(struct child *c, char *const argv[], const char *dir)
{
	pid_t parent = getpid();
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC))
		return -errno;
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return -errno;
	}
	c->pid = fork();
	if (c->pid == 0)
		become_program(argv, dir, in[0], out[1], parent);
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
	if (c->pid < 0) {
		close(c->in);
		close(c->out);
		return -EAGAIN;
	}
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	return 0;
}

static void feed(struct child *c, const struct buf *input, size_t *sent)
{
	ssize_t n = write(c->in, buf_str(input) + *sent, input->len - *sent);

	if (n > 0)
		*sent += (size_t)n;
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || *sent == input->len) {
		close(c->in);
		c->in = -1;
	}
}

/* 1: there may be more, 0: the end, -errno */
static int drain(struct child *c, struct buf *out)
{
	char text[8192];
	ssize_t n = read(c->out, text, sizeof(text));

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (n == 0)
		return 0;
	if (out->len + (size_t)n > OUT_MAX)
		return -EFBIG;
	return buf_put(out, text, (size_t)n) < 0 ? -ENOMEM : 1;
}

/* Feeds and drains at once: a pipe is shorter than either. */
static int converse(struct child *c, const struct buf *input, struct buf *out)
{
	int64_t deadline = now_ms() + PROGRAM_LIMIT_MS;
	size_t sent = 0;
	int r = 1;

	while (r == 1) {
		struct pollfd p[] = { { c->out, POLLIN, 0 }, { c->in, POLLOUT, 0 } };
		int64_t left = deadline - now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (c->in >= 0 && p[1].revents)
			feed(c, input, &sent);
		if (p[0].revents)
			r = drain(c, out);
	}
	return r;
}

int program_run(char *const argv[], const char *dir, const struct buf *input, struct buf *out)
{
	struct child c = { .in = -1, .out = -1 };
	int status = 0;
	int r = start(&c, argv, dir);

	if (r < 0)
		return r;
	r = converse(&c, input, out);
	if (r < 0)
		kill(c.pid, SIGKILL);
	if (c.in >= 0)
		close(c.in);
	close(c.out);
	while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	if (!WIFEXITED(status))
		return -EIO;
	return WEXITSTATUS(status) == EXIT_NO_PROGRAM ? -ENOENT : WEXITSTATUS(status);
}

/* ---- ignored? ---- */

/*
 * With a slash behind it git takes dir/.gitignore for rules about dir itself. So only a directory that is
 * gone keeps its slash, since git cannot see any more that it was one.
 */
static int put_question(struct buf *input, const char *workdir, const char *path)
{
	AUTO_BUF full = { 0 };
	size_t len = strlen(path);
	struct stat st;
	int r = 0;

	if (len && path[len - 1] == '/') {
		r = path_join(&full, workdir, path);
		if (r == 0 && lstat(full.data, &st) == 0)
			len--;
	}
	/* "./" for names such as ":x", which would be pathspec magic */
	if (r == 0)
		r = buf_puts(input, "./");
	if (r == 0)
		r = buf_put(input, path, len);
	return r < 0 ? r : buf_putc(input, '\0');
}

/* Reads records of source, line, pattern, path. How many answers there were */
static size_t read_answers(const struct buf *out, char *verdicts, size_t count)
{
	const char *at = buf_str(out);
	const char *end = at + out->len;
	size_t n = 0;

	while (n < count) {
		const char *field[4];

		for (int i = 0; i < 4; i++) {
			const char *stop = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

			if (!stop)
				return n;
			field[i] = at;
			at = stop + 1;
		}
		/* a pattern that re-includes is a match too */
		verdicts[n++] = *field[0] && *field[2] != '!';
	}
	return n;
}

static int ask_some(const char *workdir, const char *const *paths, size_t count, char *verdicts, size_t *answered)
{
	static char *const argv[] = { (char *)"git",	      (char *)"-c",	 (char *)"core.fsmonitor=false",
				      (char *)"check-ignore", (char *)"--stdin", (char *)"-z",
				      (char *)"-v",	      (char *)"-n",	 NULL };
	AUTO_BUF input = { 0 };
	AUTO_BUF out = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = put_question(&input, workdir, paths[i]);
	if (r < 0)
		return r;
	r = program_run(argv, workdir, &input, &out);
	*answered = read_answers(&out, verdicts, count);
	return r;
}

int program_check_ignore(const char *workdir, const char *const *paths, size_t count, char *verdicts)
{
	size_t done = 0;

	for (int i = 0; done < count && i < RETRIES; i++) {
		size_t answered = 0;
		int r = ask_some(workdir, paths + done, count - done, verdicts + done, &answered);

		if (r == -ENOENT)
			return r;
		done += answered;
		if (r < 0)
			break;
		/* git dies of the first path that is beyond a symbolic link or in a submodule: it is not ignored */
		if (done < count)
			verdicts[done++] = 0;
	}
	memset(verdicts + done, 0, count - done);
	return 0;
}

/* ---- discovery ---- */

/* The next line of *at, malloc'ed; NULL: there is none */
static char *take_line(const char **at)
{
	size_t len = strcspn(*at, "\n");
	char *line = len ? strndup(*at, len) : NULL;

	*at += len + ((*at)[len] == '\n');
	return line;
}

int program_discover(const char *dir, char **workdir, char **gitdir, char **commondir, struct buf *why)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
			 (char *)"exec git rev-parse --show-toplevel --absolute-git-dir --git-common-dir 2>&1", NULL };
	AUTO_BUF none = { 0 };
	AUTO_BUF out = { 0 };
	AUTO_BUF common = { 0 };
	AUTO_FREE char *top = NULL;
	AUTO_FREE char *own = NULL;
	AUTO_FREE char *relative = NULL;
	const char *at;
	int r = program_run(argv, dir, &none, &out);

	at = buf_str(&out);
	top = take_line(&at);
	if (r != 0) {
		buf_puts(why, r == -ENOENT ? "there is no program git" : top ? top : "git failed");
		return -ENOENT;
	}
	own = take_line(&at);
	relative = take_line(&at);
	if (!relative || *at || path_absolute(&common, dir, relative) < 0)
		return -ENOENT;
	*workdir = take_ptr(top);
	*gitdir = take_ptr(own);
	*commondir = buf_take(&common);
	return 0;
}
