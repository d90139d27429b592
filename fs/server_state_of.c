/* hrfs-state: what a path was at a clock, or is. */
#include "core/base/path.h"
#include "fs/server_parts.h"
#include "fs/settle.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#define HASH_NS 10000000000LL

struct asking {
	struct work work;
	struct request *request;
	char *path; /* in the mount */
	tick_t at;
	struct state state;
	bool touched;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Never touched since: as it is on disk. */
static struct state state_on_disk(const char *path)
{
	struct lower_view view;
	struct state s = state_absent();
	struct hash content;
	struct stat st;

	lower_view_init(&view);
	if (lower_view_stat(&view, path, &st) == 0) {
		s = state_of_mode(st.st_mode);
		if (S_ISREG(st.st_mode)) {
			AUTO_FD fd = lower_view_open(&view, path);

			if (fd >= 0 && hash_file(fd, UINT64_MAX, now_ns() + HASH_NS, &content) == 0)
				s = state_with_content(s, content);
		} else if (S_ISLNK(st.st_mode)) {
			AUTO_FREE char *target = lower_view_target(&view, path);

			if (target)
				s = state_with_content(s, hash_bytes(target, strlen(target)));
		}
	}
	lower_view_done(&view);
	return s;
}

static void ask(struct work *w)
{
	struct asking *a = (struct asking *)w;

	settle_compare_now(a->request->tick);
	a->state = journal_state_at(server.o.journal, a->path, a->at, &a->touched);
	if (!a->touched)
		a->state = state_on_disk(a->path);
}

static void asked(struct work *w)
{
	struct asking *a = (struct asking *)w;
	struct request *r = a->request;

	if (r->answer) {
		r->answer->abandon = NULL;
		answer_object(r->answer,
			      json_pack("{s:o,s:b}", "state", state_to_json(&a->state), "touched", a->touched));
	}
	request_free(r);
	free(a->path);
	free(a);
}

static void gone(struct answer *answer)
{
	struct asking *a = answer->maker;

	a->request->answer = NULL;
}

/* "path" relative to the mountpoint, or absolute within it; -EINVAL */
static int take_path(const struct request *r, char **out)
{
	AUTO_FREE char *path = json_get_bytes(request_option(r, 0), "path");
	AUTO_BUF absolute = { 0 };
	const char *mountpoint = server.o.mountpoint;
	int result;

	if (!path)
		return -EINVAL;
	result = path_absolute(&absolute, mountpoint, path);
	if (result < 0)
		return result;
	if (strcmp(absolute.data, mountpoint) != 0 && !path_is_below(absolute.data, mountpoint))
		return -EINVAL;
	*out = strdup(absolute.data + strlen(mountpoint) + strspn(absolute.data + strlen(mountpoint), "/"));
	return *out ? 0 : -ENOMEM;
}

void cmd_state(struct request *r)
{
	struct asking *a = calloc(1, sizeof(*a));

	if (!a || take_path(r, &a->path) < 0) {
		free(a);
		answer_error(r->answer, "hrfs-state: \"path\" must be a path in the mount, relative to the mountpoint");
		request_free(r);
		return;
	}
	if (request_clock(r, request_option(r, 0), &a->at) < 0) {
		free(a->path);
		free(a);
		request_free(r);
		return;
	}
	a->request = r;
	a->work.run = ask;
	a->work.done = asked;
	r->answer->maker = a;
	r->answer->abandon = gone;
	server_work(&a->work);
}
