#include "supervisor/ready_notify.h"
#include "core/base/proc.h"
#include "supervisor/tree.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_FDS 253 /* as many as the kernel passes at once */

static uint64_t number_of(const char *text)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	return *end || errno ? 0 : n;
}

static void take_line(char *line, struct notify_message *m)
{
	char *value = strchr(line, '=');

	if (!value)
		return;
	*value++ = '\0';
	if (strcmp(line, "READY") == 0)
		m->ready = strcmp(value, "1") == 0;
	else if (strcmp(line, "RELOADING") == 0)
		m->reloading = strcmp(value, "1") == 0;
	else if (strcmp(line, "STOPPING") == 0)
		m->stopping = strcmp(value, "1") == 0;
	else if (strcmp(line, "BARRIER") == 0)
		m->barrier = strcmp(value, "1") == 0;
	else if (strcmp(line, "STATUS") == 0)
		m->status = value;
	else if (strcmp(line, "ERRNO") == 0)
		m->error = (int)number_of(value);
	else if (strcmp(line, "MAINPID") == 0)
		m->main_pid = (pid_t)number_of(value);
	else if (strcmp(line, "EXTEND_TIMEOUT_USEC") == 0)
		m->extend_usec = number_of(value);
}

void notify_parse(char *text, struct notify_message *out)
{
	char *line, *next = text;

	*out = (struct notify_message){ 0 };
	while ((line = strsep(&next, "\n")))
		take_line(line, out);
}

int notify_open(struct buf *address)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	uint64_t random;
	int on = 1, len;

	if (fd < 0 || getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	len = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "hrfs-notify-%d-%016llx", getpid(),
		       (unsigned long long)random);
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)))
		return -errno;
	if (buf_printf(address, "@%s", un.sun_path + 1) < 0)
		return -ENOMEM;
	return take_fd(&fd);
}

/* closes what came along; false: there were no credentials */
static bool take_control(struct msghdr *m, struct ucred *who)
{
	bool known = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS && len == sizeof(*who)) {
			memcpy(who, CMSG_DATA(c), len);
			known = true;
		}
		for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && i < len / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			close(fd);
		}
	}
	return known;
}

static bool may_notify(pid_t job, const struct ucred *who)
{
	struct proc_stat p;

	if (who->pid > 0 && tree_has(job, who->pid))
		return true;
	/*
	 * A command in a script (systemd-notify --ready) may have ended before its message is read, and then
	 * nobody knows whose child it was. A process of the same user that is gone is believed: it could as
	 * well have written into the job itself.
	 */
	return (who->pid <= 0 || proc_stat(who->pid, &p) == -ESRCH) && who->uid == geteuid();
}

int notify_receive(int fd, pid_t job, char *text)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * MAX_FDS)];
	} control;
	struct iovec data = { .iov_base = text, .iov_len = NOTIFY_MAX_MESSAGE };
	struct ucred who;

	for (;;) {
		struct msghdr m = {
			.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
		};
		ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!take_control(&m, &who) || (m.msg_flags & MSG_TRUNC) || !may_notify(job, &who))
			continue;
		text[n] = '\0';
		return 1;
	}
}
