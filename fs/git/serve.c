#include "fs/git/serve.h"
#include "core/base/log.h"
#include "fs/git/rules.h"
#include "fs/git/verdict.h"
#include "fs/git/wire.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct service {
	int socket;
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

/* 1: another message was answered, 0: none is complete, -errno */
static int answer_next(struct service *s, struct buf *in)
{
	AUTO_FREE char *message = NULL;
	AUTO_BUF text = { 0 };
	AUTO_BUF out = { 0 };
	size_t start, len;
	int r = wire_peek(in, &start, &len);

	if (r <= 0)
		return r;
	message = calloc(1, len + 1);
	if (!message)
		return -ENOMEM;
	memcpy(message, in->data + start, len);
	buf_consume(in, start + len);
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

/* 1: there is more, 0: nobody is there any more, -errno */
static int read_more(int fd, struct buf *in, const sigset_t *outside)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char text[16384];
	ssize_t n;

	if (ppoll(&p, 1, NULL, outside) < 0)
		return errno != EINTR ? -errno : !told_to_end;
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (n == 0)
		return 0;
	return buf_put(in, text, (size_t)n) < 0 ? -ENOMEM : 1;
}

int serve(int socket, const char *root)
{
	struct service s = { .socket = socket };
	AUTO_BUF in = { 0 };
	sigset_t outside;
	int r = forest_init(&s.forest, root);

	listen_for_term(&outside);
	while (r >= 0) {
		r = answer_next(&s, &in);
		if (r == 0)
			r = read_more(socket, &in, &outside) ?: -EPIPE;
	}
	forest_done(&s.forest);
	if (r != -EPIPE && r != -ECONNRESET)
		log_error("event=git_helper_failed error=\"%s\"", strerror(-r));
	return r == -EPIPE || r == -ECONNRESET ? 0 : 1;
}
