#include "fs/git/serve.h"
#include "core/base/log.h"
#include "fs/control.h"
#include "fs/git/rules.h"
#include "fs/git/verdict.h"
#include "fs/git/wire.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define ALONE_MS 5000 /* for so long it waits for another worker's connection */

struct service {
	int door;   /* where connections come from */
	int socket; /* the worker's; -1: its end is closed */
	struct buf in;
	struct forest forest;
	struct rules rules;
};

static int answer_ignored(struct service *s, const char *args, size_t len, struct buf *out)
{
	const char *paths[WIRE_MAX_PATHS];
	size_t count = 0;

	for (const char *at = args; at < args + len; at += strlen(at) + 1) {
		if (count == WIRE_MAX_PATHS)
			return -EPROTO;
		paths[count++] = at;
	}
	return verdict_on_paths(&s->forest, paths, count, out);
}

static int answer_dirs(struct service *s, struct buf *out)
{
	AUTO_STRV dirs = { 0 };
	int r = forest_dirs(&s->forest, &dirs);

	for (size_t i = 0; r == 0 && i < dirs.count; i++)
		r = buf_put(out, dirs.items[i], strlen(dirs.items[i]) + 1);
	return r;
}

static int answer_about(struct service *s, struct buf *out)
{
	const struct repository *top;

	forest_look(&s->forest);
	top = s->forest.top;
	if (top)
		return buf_printf(out, "worktree=\"%s\" gitdir=\"%s\" read_by=%s", top->workdir, top->gitdir,
				  top->git ? "libgit2" : "git");
	return buf_printf(out, "worktree=none%s%s%s", s->forest.why.len ? " why=\"" : "", buf_str(&s->forest.why),
			  s->forest.why.len ? "\"" : "");
}

static int answer_changed(struct service *s, struct buf *out)
{
	bool changed = rules_changed(&s->rules, &s->forest);

	if (changed)
		forest_forget(&s->forest);
	return buf_putc(out, changed ? '1' : '0');
}

/* message is followed by a NUL that does not count. */
static int answer(struct service *s, const char *message, size_t len, struct buf *out)
{
	size_t word = strlen(message) + 1;

	if (strcmp(message, "ignored") == 0)
		return word < len ? answer_ignored(s, message + word, len - word, out) : 0;
	if (strcmp(message, "dirs") == 0)
		return answer_dirs(s, out);
	if (strcmp(message, "about") == 0)
		return answer_about(s, out);
	if (strcmp(message, "changed") == 0)
		return answer_changed(s, out);
	if (strcmp(message, "reload") == 0) {
		forest_forget(&s->forest);
		return 0;
	}
	return -EPROTO;
}

static int write_all(int fd, const struct buf *b)
{
	size_t sent = 0;

	while (sent < b->len) {
		ssize_t n = write(fd, b->data + sent, b->len - sent);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			sent += (size_t)n;
	}
	return 0;
}

static void hang_up(struct service *s)
{
	if (s->socket >= 0)
		close(s->socket);
	s->socket = -1;
	buf_done(&s->in);
}

static int end_of_worker(int r)
{
	return r == -EPIPE || r == -ECONNRESET;
}

/* 1: another message was answered, 0: none is complete, -errno */
static int answer_next(struct service *s)
{
	AUTO_FREE char *message = NULL;
	AUTO_BUF text = { 0 };
	AUTO_BUF out = { 0 };
	size_t start, len;
	int r = wire_peek(&s->in, &start, &len);

	if (r <= 0)
		return r;
	message = calloc(1, len + 1);
	if (!message)
		return -ENOMEM;
	memcpy(message, s->in.data + start, len);
	buf_consume(&s->in, start + len);
	r = answer(s, message, len, &text);
	if (r == 0)
		r = wire_put(&out, buf_str(&text), text.len);
	if (r == 0)
		r = write_all(s->socket, &out);
	return r < 0 ? r : 1;
}

static volatile sig_atomic_t told_to_end;

static void on_term(int number)
{
	told_to_end = 1;
}

/*
 * SIGTERM is heard only while there is nothing to answer: the program git that an answer needs would be
 * left behind otherwise, and whoever waits for the end of the mount wants all of it to be gone.
 */
static void listen_for_term(sigset_t *outside)
{
	const struct sigaction action = { .sa_handler = on_term };
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, outside);
	sigdelset(outside, SIGTERM);
	sigaction(SIGTERM, &action, NULL);
}

/*
 * The next worker after one that was killed: what that one had been told of changed rules it may have kept to itself.
 * 1: it is there, 0: nobody is there any more, -errno
 */
static int admit(struct service *s)
{
	struct control_packet p;
	int fd, r = control_receive(s->door, &p, &fd, 1);

	if (r <= 0 || fd < 0)
		return r == -EAGAIN ? 1 : r;
	hang_up(s);
	s->socket = fd;
	forest_forget(&s->forest);
	return 1;
}

/* 1, or -errno */
static int read_more(struct service *s)
{
	char text[16384];
	ssize_t n = read(s->socket, text, sizeof(text));

	if (n > 0)
		return buf_put(&s->in, text, (size_t)n) < 0 ? -ENOMEM : 1;
	if (n < 0 && errno != ECONNRESET)
		return errno == EINTR ? 1 : -errno;
	hang_up(s);
	return 1;
}

/* 1: there is more, 0: nobody is there any more, -errno */
static int wait_for_more(struct service *s, const sigset_t *outside)
{
	const struct timespec alone = { ALONE_MS / 1000, 0 };
	struct pollfd p[] = { { s->door, POLLIN, 0 }, { s->socket, POLLIN, 0 } };
	int r = ppoll(p, 2, s->socket < 0 ? &alone : NULL, outside);

	if (r < 0)
		return errno != EINTR ? -errno : !told_to_end;
	if (r == 0)
		return 0; /* a worker has let go of us: the keeper starts another */
	return p[0].revents ? admit(s) : read_more(s);
}

int serve(int door, const char *root)
{
	struct service s = { .door = door, .socket = -1 };
	sigset_t outside;
	int r = forest_init(&s.forest, root);

	listen_for_term(&outside);
	for (r = r < 0 ? r : 1; r > 0;) {
		r = answer_next(&s);
		if (end_of_worker(r)) {
			hang_up(&s);
			r = 1;
		} else if (r == 0) {
			r = wait_for_more(&s, &outside);
		}
	}
	hang_up(&s);
	forest_done(&s.forest);
	if (r < 0)
		log_error("event=git_helper_failed error=\"%s\"", strerror(-r));
	return r < 0;
}
