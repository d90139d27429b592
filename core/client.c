#include "core/client.h"
#include "core/socket_address.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ANSWER_MAX (1024UL * 1024 * 1024) /* a tree of millions of files, all of them listed */
#define KEPT_MAX 10000			  /* unilateral objects that came before an answer */

struct client {
	int fd;
	struct buf in;
	size_t start;	/* of the line that is being received */
	size_t scanned; /* no newline in what is before this */
	json_t *kept;	/* array of unilateral objects, oldest first */
};

/* ---- connecting ---- */

/* Whom the description beside the socket belongs to: who mounted. */
static bool is_of_description(const char *socket_path, uid_t uid)
{
	AUTO_BUF path = { 0 };
	size_t len = strlen(socket_path);
	struct stat st;

	if (len < 5 || strcmp(socket_path + len - 5, ".sock") != 0)
		return false;
	if (buf_put(&path, socket_path, len - 4) < 0 || buf_puts(&path, "json") < 0)
		return false;
	return lstat(path.data, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == uid;
}

/* Who listens, as the kernel knows it: not what a file system says of a name. */
static int check_owner(int fd, const char *path, struct buf *error)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	if (peer.uid == geteuid() || peer.uid == 0 || is_of_description(path, peer.uid))
		return 0;
	buf_printf(error, "%s is served by user %u, who has not made this mount; not using it", path, peer.uid);
	return -EPERM;
}

static int explain(const char *path, int r, struct buf *error)
{
	if (r == -ECONNREFUSED || r == -ENOENT) {
		buf_printf(error,
			   "%s: nobody answers, the mount's daemon is dead; 'hrfs umount --lazy' takes the mount away",
			   path);
		return -ENOTCONN;
	}
	buf_printf(error, "%s: %s", path, strerror(-r));
	return r;
}

int client_connect(const char *socket_path, struct client **out, struct buf *error)
{
	AUTO_FD fd = socket_connect(socket_path);
	struct client *c;
	int r;

	if (fd < 0)
		return explain(socket_path, fd, error);
	r = check_owner(fd, socket_path, error);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c || !(c->kept = json_array())) {
		free(c);
		return -ENOMEM;
	}
	c->fd = take_fd(&fd);
	*out = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	close(c->fd);
	buf_done(&c->in);
	json_decref(c->kept);
	free(c);
}

int client_fd(const struct client *c)
{
	return c->fd;
}

/* ---- sending ---- */

int client_send(struct client *c, json_t *request)
{
	AUTO_FREE char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len, done = 0;

	json_decref(request);
	if (!text)
		return -ENOMEM;
	len = strlen(text);
	text[len++] = '\n'; /* where the NUL was: the length is known */
	while (done < len) {
		ssize_t n = send(c->fd, text + done, len - done, MSG_NOSIGNAL);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == ECONNRESET)
			return -EPIPE;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* ---- receiving ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* A whole line that is there already: 0, or -EAGAIN. Lines of nothing are skipped. */
static int next_line(struct client *c, json_t **out)
{
	const char *why;

	for (;;) {
		char *line = c->in.data ? c->in.data + c->start : NULL;
		char *end = line ? memchr(c->in.data + c->scanned, '\n', c->in.len - c->scanned) : NULL;

		if (!end) {
			c->scanned = c->in.len;
			return -EAGAIN;
		}
		c->start = c->scanned = (size_t)(end + 1 - c->in.data);
		if (end == line)
			continue;
		*out = json_parse(line, (size_t)(end - line), &why);
		return *out ? 0 : -EPROTO;
	}
}

/* What has been taken makes room: once for many lines, or a long queue would be moved for each of them. */
static void make_room(struct client *c)
{
	buf_consume(&c->in, c->start);
	c->scanned -= c->start;
	c->start = 0;
	if (c->in.len == 0 && c->in.size > 1024 * 1024)
		buf_done(&c->in); /* not for ever the size of the largest answer */
}

/* 0: something came; -EAGAIN; -EPIPE; -errno */
static int read_more(struct client *c)
{
	ssize_t n;
	int r;

	make_room(c);
	if (c->in.len > ANSWER_MAX)
		return -EPROTO;
	r = buf_reserve(&c->in, 64 * 1024);
	if (r < 0)
		return r;
	do {
		n = recv(c->fd, c->in.data + c->in.len, c->in.size - c->in.len - 1, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = '\0';
	return 0;
}

/* deadline: of now_ms(), -1 for none. 0 or -EAGAIN, -errno */
static int wait_readable(const struct client *c, int64_t deadline)
{
	struct pollfd p = { c->fd, POLLIN, 0 };
	int64_t left = -1;
	int n;

	if (deadline >= 0) {
		left = deadline - now_ms();
		if (left <= 0)
			return -EAGAIN;
	}
	n = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);
	return n < 0 && errno != EINTR ? -errno : 0;
}

/* The next object from the socket, past those that are kept. */
static int receive_new(struct client *c, int64_t deadline, json_t **out)
{
	for (;;) {
		int r = next_line(c, out);

		if (r != -EAGAIN)
			return r;
		r = read_more(c);
		if (r == -EAGAIN)
			r = wait_readable(c, deadline);
		if (r < 0)
			return r;
	}
}

int client_receive(struct client *c, int64_t timeout_ms, json_t **out)
{
	if (json_array_size(c->kept)) {
		*out = json_incref(json_array_get(c->kept, 0));
		json_array_remove(c->kept, 0);
		return 0;
	}
	return receive_new(c, timeout_ms < 0 ? -1 : now_ms() + timeout_ms, out);
}

bool client_is_unilateral(const json_t *object)
{
	return json_object_get(object, "subscription") || json_object_get(object, "log") ||
	       json_object_get(object, "hrfs-request") || json_object_get(object, "hrfs-cancelled") ||
	       json_object_get(object, "hrfs-opened");
}

int client_call(struct client *c, json_t *request, int64_t timeout_ms, json_t **answer)
{
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	int r = client_send(c, request);

	while (r == 0) {
		json_t *o;

		r = receive_new(c, deadline, &o);
		if (r == -EAGAIN)
			return -ETIMEDOUT;
		if (r < 0)
			break;
		if (!client_is_unilateral(o)) {
			*answer = o;
			return 0;
		}
		if (json_array_size(c->kept) >= KEPT_MAX) {
			json_decref(o);
			return -ENOBUFS;
		}
		r = json_array_append_new(c->kept, o) ? -ENOMEM : 0;
	}
	return r;
}
