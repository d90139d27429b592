#include "supervisor/ending.h"
#include "core/insiders.h"
#include "supervisor/link.h"
#include "supervisor/output.h"
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DETACH_MS 5000
#define SOON_MS 500 /* after which it is looked for what keeps the daemon */
#define NAMED_MAX 10

struct ending {
	struct ending_options o;
	uv_timer_t timer;
	uv_poll_t poll;
	int pidfd; /* of the mount's keeper; -1: not waited for */
	int handles;
	size_t inside, copies;
	bool begun, over;
};

static void finish(struct ending *e)
{
	if (e->over)
		return;
	e->over = true;
	e->o.done(e->o.arg);
}

static void on_time(uv_timer_t *timer)
{
	finish(timer->data);
}

/* ---- who is inside ---- */

static int name_one(const struct insider *i, void *arg)
{
	struct ending *e = arg;
	AUTO_BUF text = { 0 };

	if (e->inside++ == 0)
		output_note(e->o.output,
			    "%s is detached now; still inside, and served until they leave:", e->o.mountpoint);
	if (e->inside <= NAMED_MAX && insider_text(i, &text) == 0)
		output_note(e->o.output, "  %s", buf_str(&text));
	return 0;
}

static void name_insiders(struct ending *e)
{
	insiders_of_mount(e->o.device, false, name_one, e);
	if (e->inside > NAMED_MAX)
		output_note(e->o.output, "  and %zu more", e->inside - NAMED_MAX);
}

static int name_copy(const struct insider *i, void *arg)
{
	struct ending *e = arg;
	AUTO_BUF text = { 0 };
	int r;

	if (e->copies++ == 0)
		output_note(e->o.output,
			    "%s is unmounted, but its daemon (pid %d) goes on for others that have the mount:",
			    e->o.mountpoint, (int)link_keeper(e->o.link));
	r = i->pid ? insider_text(i, &text) : buf_printf(&text, "here too, at %s", i->path);
	if (e->copies <= NAMED_MAX && r == 0)
		output_note(e->o.output, "  %s", buf_str(&text));
	return 0;
}

/* Containers and other mount namespaces may go on for days: nobody need wait for them. */
static void on_soon(uv_timer_t *timer)
{
	struct ending *e = timer->data;

	insiders_of_copies(e->o.device, name_copy, e);
	if (e->copies > NAMED_MAX)
		output_note(e->o.output, "  and %zu more", e->copies - NAMED_MAX);
	if (e->copies)
		finish(e);
	else
		uv_timer_start(timer, on_time, DETACH_MS, 0);
}

/* ---- the daemon's end ---- */

static void on_keeper_ended(uv_poll_t *poll, int status, int events)
{
	struct ending *e = poll->data;

	uv_poll_stop(poll);
	finish(e);
}

static void wait_for_keeper(struct ending *e)
{
	pid_t keeper = link_keeper(e->o.link);

	e->pidfd = keeper > 0 ? (int)syscall(SYS_pidfd_open, keeper, 0) : -1;
	if (e->pidfd < 0 || uv_poll_init(e->o.loop, &e->poll, e->pidfd) < 0) {
		finish(e);
		return;
	}
	e->poll.data = e;
	e->handles++;
	uv_poll_start(&e->poll, UV_READABLE, on_keeper_ended);
	uv_timer_start(&e->timer, on_soon, SOON_MS, 0);
}

void ending_gone(struct ending *e)
{
	if (e->over || e->pidfd >= 0)
		return;
	if (e->o.own && !e->inside)
		wait_for_keeper(e);
	else
		finish(e);
}

/* ---- beginning ---- */

static void on_answer(const json_t *answer, void *arg)
{
	struct ending *e = arg;

	/* a detach is answered before it happens: ending_gone() follows */
	if (!e->o.own || !answer)
		finish(e);
}

/* Somebody else's mount is asked once more, so that what was said before has been heard. */
void ending_begin(struct ending *e)
{
	const char *last = e->o.own ? "hrfs-detach" : "clock";

	if (e->begun)
		return;
	e->begun = true;
	uv_timer_start(&e->timer, on_time, DETACH_MS, 0);
	if (e->o.own && e->o.link)
		name_insiders(e);
	if (!e->o.link || link_call(e->o.link, json_pack("[s]", last), on_answer, e) < 0)
		finish(e);
}

bool ending_has_begun(const struct ending *e)
{
	return e->begun;
}

int ending_new(const struct ending_options *options, struct ending **out)
{
	struct ending *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->o = *options;
	e->pidfd = -1;
	uv_timer_init(e->o.loop, &e->timer);
	e->timer.data = e;
	e->handles = 1;
	*out = e;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct ending *e = handle->data;

	if (--e->handles)
		return;
	if (e->pidfd >= 0)
		close(e->pidfd);
	free(e);
}

void ending_free(struct ending *e)
{
	if (!e)
		return;
	e->over = true;
	if (e->handles == 2)
		uv_close((uv_handle_t *)&e->poll, on_closed);
	uv_close((uv_handle_t *)&e->timer, on_closed);
}
