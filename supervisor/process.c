#include "supervisor/process_private.h"
#include "core/base/log.h"
#include "core/config.h"
#include "supervisor/cgroup.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MAX_MESSAGE 4096
#define TRACED_LOOK_MS 500 /* how often it is asked whether a debugger still has it */
#define STUCK_MS 1000	   /* hrfs-job has had long enough to kill all: a stopped one is killed itself */
#define DRAIN_MS 500	   /* the kernel passes a terminal's last bytes on a little later */

int processes_new(uv_loop_t *loop, const char *job_program, struct processes **out)
{
	struct processes *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->loop = loop;
	all->program = strdup(job_program);
	r = all->program ? tree_below(getpid(), &all->before) : -ENOMEM;
	if (r == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1))
		r = -errno;
	if (r < 0) {
		tree_done(&all->before);
		free(all->program);
		free(all);
		return r;
	}
	uv_timer_init(loop, &all->sweep);
	all->sweep.data = all;
	*out = all;
	return 0;
}

static void processes_closed(uv_handle_t *handle)
{
	struct processes *all = handle->data;

	tree_done(&all->before);
	free(all->program);
	free(all);
}

void processes_free(struct processes *all)
{
	if (all)
		uv_close((uv_handle_t *)&all->sweep, processes_closed);
}

size_t processes_count(const struct processes *all)
{
	return all->count;
}

void processes_kill_all(struct processes *all)
{
	for (struct process *p = all->first; p; p = p->next)
		process_kill(p);
}

/* ---- the end ---- */

static void process_free(struct process *p)
{
	if (p->control >= 0)
		close(p->control);
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->namespace >= 0)
		close(p->namespace);
	process_close_output(p);
	free(p->job);
	free(p->cgroup);
	free(p);
}

static void handle_closed(uv_handle_t *handle)
{
	struct process *p = handle->data;

	if (--p->handles == 0)
		process_free(p);
}

/* Without an answer from hrfs-job something still has to be said. */
static void tell_what_is_missing(struct process *p)
{
	if (p->started && !p->exited) {
		p->exited = true;
		p->pid = 0;
		if (p->events->exited)
			p->events->exited(p, (struct process_status){ .signalled = true, .code = SIGKILL }, p->arg);
	} else if (p->went && !p->started && !p->failed && !p->grace_end && !p->killed) {
		p->failed = true;
		if (p->events->failed)
			p->events->failed(p, "hrfs-job, which starts it, was killed: save again, or hrfs reload",
					  p->arg);
	}
}

static void close_handles(struct process *p)
{
	uv_handle_t *handles[] = { (uv_handle_t *)&p->control_poll, (uv_handle_t *)&p->pid_poll,
				   (uv_handle_t *)&p->timer };

	for (size_t i = 0; i < ARRAY_SIZE(p->streams); i++) {
		if (!p->streams[i].polled)
			continue;
		p->handles++;
		uv_close((uv_handle_t *)&p->streams[i].poll, handle_closed);
	}
	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		p->handles++;
		uv_close(handles[i], handle_closed);
	}
}

static void drain_over(uv_timer_t *timer)
{
	struct process *p = timer->data;

	process_drain_output(p);
	p->drained = true;
	process_finish(p);
}

void process_finish(struct process *p)
{
	if (!p->gone || (!p->empty && !p->swept))
		return;
	/* somebody outside of the tree may hold the other end: what is there counts, its end is not waited for */
	if (!p->drained && !process_drain_output(p)) {
		if (!uv_is_active((uv_handle_t *)&p->timer))
			uv_timer_start(&p->timer, drain_over, DRAIN_MS, 0);
		return;
	}
	uv_timer_stop(&p->timer);
	if (p->cgroup)
		cgroup_remove(p->cgroup);
	if (p->lent)
		terminal_return(p->terminal, p->job_pid);
	if (p->resize)
		terminal_off_resize(p->resize);
	if (p->output)
		output_flush(p->output);
	tell_what_is_missing(p);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	p->all->count--;
	close_handles(p);
	p->events->ended(p, p->arg);
}

/* ---- what hrfs-job says ---- */

struct came { /* with a message; -1: nothing. Taken, or left to whoever has received it */
	int group, namespace;
};

static void said_exited(struct process *p, bool signalled, int code)
{
	p->exited = true;
	p->pid = 0;
	if (p->events->exited)
		p->events->exited(p, (struct process_status){ .signalled = signalled, .code = code }, p->arg);
}

/* once nothing lives in it, what was opened there has no path in the mount any more: so it is kept until all is told */
static void said_witness(struct process *p, struct came *came, const char *why)
{
	if (p->namespace < 0)
		p->namespace = take_fd(&came->namespace);
	if (p->events->witness)
		p->events->witness(p, take_fd(&came->group), why, p->arg);
}

static void said(struct process *p, const char *text, struct came *came)
{
	int number;

	if (strcmp(text, "witness") == 0) {
		said_witness(p, came, NULL);
	} else if (strncmp(text, "unwitnessed ", 12) == 0) {
		said_witness(p, came, text + 12);
	} else if (sscanf(text, "started %d", &number) == 1) {
		p->pid = number;
		p->started = true;
		if (p->events->started)
			p->events->started(p, p->arg);
	} else if (strncmp(text, "failed ", 7) == 0) {
		p->failed = true;
		if (p->events->failed)
			p->events->failed(p, text + 7, p->arg);
	} else if (sscanf(text, "exited %d", &number) == 1) {
		said_exited(p, false, number);
	} else if (sscanf(text, "signalled %d", &number) == 1) {
		said_exited(p, true, number);
	} else if (sscanf(text, "typed %d", &number) == 1) {
		if (p->terminal)
			terminal_job_signal(p->terminal, number);
	} else if (strncmp(text, "cgroup ", 7) == 0) {
		free(p->cgroup);
		p->cgroup = strdup(text + 7);
	} else if (strcmp(text, "empty") == 0) {
		p->empty = true;
	} else {
		log_warn("event=job_message_unknown job=%s text=\"%s\"", p->job, text);
	}
}

/* as recv(), with the two descriptors that may come along */
static ssize_t receive(int fd, char *text, size_t size, struct came *came)
{
	char space[CMSG_SPACE(sizeof(*came))];
	struct iovec iov = { .iov_base = text, .iov_len = size };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)
	};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(*came)))
		memcpy(came, CMSG_DATA(c), sizeof(*came));
	return n;
}

/* Everything that it has said; false: it will say no more. */
static bool listen_to_job(struct process *p)
{
	char text[MAX_MESSAGE + 1];
	ssize_t n;

	for (;;) {
		struct came came = { -1, -1 };

		n = receive(p->control, text, MAX_MESSAGE, &came);
		/* it ended with a message of ours unread: what it said before is still there */
		if (n < 0 && (errno == ECONNRESET || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		text[n] = '\0';
		said(p, text, &came);
		if (came.group >= 0)
			close(came.group);
		if (came.namespace >= 0)
			close(came.namespace);
	}
}

static void control_readable(uv_poll_t *poll, int status, int events)
{
	if (!listen_to_job(poll->data))
		uv_poll_stop(poll);
}

static void job_gone(uv_poll_t *poll, int status, int events)
{
	struct process *p = poll->data;

	if (waitpid(p->job_pid, NULL, WNOHANG) == 0)
		return;
	uv_poll_stop(poll);
	uv_poll_stop(&p->control_poll);
	uv_timer_stop(&p->timer);
	p->gone = true;
	listen_to_job(p);
	if (!p->empty) {
		log_warn("event=job_starter_killed job=%s pid=%d", p->job, p->job_pid);
		process_sweep(p->all);
	}
	process_finish(p);
}

/* ---- beginning ---- */

static int watch(struct process *p)
{
	uv_loop_t *loop = p->all->loop;
	int r;

	uv_timer_init(loop, &p->timer);
	p->control_poll.data = p->pid_poll.data = p->timer.data = p;
	r = uv_poll_init(loop, &p->control_poll, p->control);
	if (r == 0)
		r = uv_poll_init(loop, &p->pid_poll, p->pidfd);
	if (r == 0)
		r = uv_poll_start(&p->control_poll, UV_READABLE, control_readable);
	if (r == 0)
		r = uv_poll_start(&p->pid_poll, UV_READABLE, job_gone);
	return r < 0 ? r : process_watch_output(p);
}

int process_new(struct processes *all, const struct process_options *options, struct process **out, struct buf *error)
{
	struct process *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	if (!p)
		return r;
	p->all = all;
	p->events = options->events;
	p->arg = options->arg;
	p->output = options->mode == PROCESS_TERMINAL ? NULL : options->output;
	p->control = p->pidfd = p->namespace = p->streams[0].fd = p->streams[1].fd = -1;
	p->job = strdup(options->job);
	if (p->job)
		r = process_spawn(p, options, error);
	if (r < 0) {
		process_free(p);
		return r;
	}
	r = watch(p);
	/* epoll refuses nothing that is made here, but memory: with such a loop there is no going on */
	if (r < 0) {
		log_error("event=job_unwatched job=%s error=\"%s\"", p->job, uv_strerror(r));
		abort();
	}
	p->next = all->first;
	p->link = &all->first;
	if (p->next)
		p->next->link = &p->next;
	all->first = p;
	all->count++;
	*out = p;
	return 0;
}

/* ---- commands ---- */

static void job_stuck(uv_timer_t *timer)
{
	struct process *p = timer->data;

	log_warn("event=job_starter_stuck job=%s pid=%d", p->job, p->job_pid);
	kill(p->job_pid, SIGKILL);
}

/* A job that does not even take a message is stopped or worse: the supervisor sweeps up itself. */
static void tell(struct process *p, const char *text)
{
	if (p->gone)
		return;
	if (send(p->control, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		kill(p->job_pid, SIGKILL);
}

void process_go(struct process *p)
{
	if (p->went)
		return;
	p->went = true;
	if (p->terminal) {
		p->lent = true;
		terminal_lend(p->terminal, p->job_pid);
	}
	tell(p, "g");
}

void process_kill(struct process *p)
{
	if (p->killed || p->gone)
		return;
	p->killed = true;
	tell(p, "kill");
	uv_timer_start(&p->timer, job_stuck, STUCK_MS, 0);
}

static void grace_over(uv_timer_t *timer)
{
	struct process *p = timer->data;
	AUTO_TREE tree = { 0 };

	if (tree_below(p->job_pid, &tree) == 0 && tree_traced(&tree)) {
		p->traced = true;
		uv_timer_start(timer, grace_over, TRACED_LOOK_MS, 0);
	} else if (p->traced) {
		/* it was let go of: it could do nothing until now */
		p->traced = false;
		uv_timer_start(timer, grace_over, (uint64_t)p->grace_ms, 0);
	} else {
		process_kill(p);
	}
}

void process_stop(struct process *p, int sig, int64_t grace_ms)
{
	char text[32];
	uint64_t end;

	if (p->killed || p->gone)
		return;
	snprintf(text, sizeof(text), "term %d", sig);
	tell(p, text);
	uv_update_time(p->all->loop);
	end = uv_now(p->all->loop) + (uint64_t)grace_ms;
	if (p->grace_end && p->grace_end <= end)
		return;
	p->grace_end = end;
	p->grace_ms = grace_ms;
	uv_timer_start(&p->timer, grace_over, (uint64_t)grace_ms, 0);
}

void process_signal(struct process *p, int sig)
{
	char text[32];

	if (!p->pid)
		return;
	snprintf(text, sizeof(text), "signal %d", sig);
	tell(p, text);
}

/* ---- questions ---- */

pid_t process_job_pid(const struct process *p)
{
	return p->job_pid;
}

pid_t process_pid(const struct process *p)
{
	return p->pid;
}

const char *process_job(const struct process *p)
{
	return p->job;
}

void process_status_text(struct process_status status, struct buf *out)
{
	const char *name = status.signalled ? signal_name(status.code) : NULL;

	if (!status.signalled)
		buf_printf(out, "exited with status %d", status.code);
	else if (name)
		buf_printf(out, "was ended by SIG%s", name);
	else
		buf_printf(out, "was ended by signal %d", status.code);
}
