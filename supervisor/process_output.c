#include "supervisor/process_private.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#define READ_BYTES (64 * 1024) /* of one stream in one turn of the loop: a talkative job does not hold up the rest */
#define DRAIN_READS 64	       /* at the end: a pipe or terminal holds less than that */

static const struct winsize usual_size = { .ws_row = 24, .ws_col = 80 };

static void set_size(int master, const struct terminal *terminal)
{
	struct winsize size = usual_size;
	int fd = terminal ? terminal_fd(terminal) : -1;

	if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
		size = usual_size;
	ioctl(master, TIOCSWINSZ, &size);
}

int process_open_pty(const struct process_options *o, int *master, int *slave)
{
	AUTO_FD m = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int s;

	if (m < 0 || grantpt(m) || unlockpt(m))
		return -errno;
	s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s < 0)
		return -errno;
	set_size(m, o->terminal);
	*slave = s;
	*master = take_fd(&m);
	return 0;
}

/* true: there may be more */
static bool read_once(struct process *p, struct process_stream *s)
{
	static char data[READ_BYTES];
	ssize_t n = read(s->fd, data, sizeof(data));

	if (n > 0) {
		if (p->output)
			output_feed(p->output, data, (size_t)n, s->error);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* a terminal that nobody has open any more answers EIO */
	if (s->polled)
		uv_poll_stop(&s->poll);
	close(take_fd(&s->fd));
	return false;
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct process *p = poll->data;
	struct process_stream *s = poll == &p->streams[0].poll ? &p->streams[0] : &p->streams[1];

	if (s->fd >= 0)
		read_once(p, s);
	if (s->fd < 0 && p->gone)
		process_finish(p);
}

static void resized(void *arg)
{
	struct process *p = arg;

	if (p->streams[0].fd >= 0)
		set_size(p->streams[0].fd, p->pty_size);
}

int process_watch_output(struct process *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(p->streams); i++) {
		struct process_stream *s = &p->streams[i];
		int r;

		if (s->fd < 0)
			continue;
		r = uv_poll_init(p->all->loop, &s->poll, s->fd);
		if (r < 0)
			return r;
		s->poll.data = p;
		s->polled = true;
		r = uv_poll_start(&s->poll, UV_READABLE, readable);
		if (r < 0)
			return r;
	}
	if (p->pty_size)
		p->resize = terminal_on_resize(p->pty_size, resized, p);
	return 0;
}

bool process_drain_output(struct process *p)
{
	bool closed = true;

	for (size_t i = 0; i < ARRAY_SIZE(p->streams); i++) {
		struct process_stream *s = &p->streams[i];

		for (int n = 0; n < DRAIN_READS && s->fd >= 0; n++)
			if (!read_once(p, s))
				break;
		closed = closed && s->fd < 0;
	}
	return closed;
}

void process_close_output(struct process *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(p->streams); i++)
		if (p->streams[i].fd >= 0)
			close(take_fd(&p->streams[i].fd));
}
