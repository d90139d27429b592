/* What jobs ask for, told to whoever has named them: windows by their jobs' pids. */
#include "core/change.h"
#include "fs/server_parts.h"
#include "fs/window.h"
#include <errno.h>
#include <string.h>

void job_window_close(pid_t pid)
{
	struct window_names names;

	if (window_take(pid, true, &names) == 0)
		window_names_done(&names);
}

struct opening {
	struct work work;
	struct request *request;
	char job[WRITER_JOB_SIZE];
	char clock[CLOCK_TEXT_SIZE]; /* before what the kernel knew was told to be doubtful */
	pid_t pid;
	int result;
};

static void gone(struct answer *a)
{
	struct opening *o = a->maker;

	o->request->answer = NULL;
}

static void expire(struct work *w)
{
	window_expire(((struct opening *)w)->pid);
}

static void expired(struct work *w)
{
	struct opening *o = (struct opening *)w;
	struct request *r = o->request;

	if (r->answer) {
		r->answer->abandon = NULL;
		answer_object(r->answer, json_pack("{s:s,s:s,s:b}", "job", o->job, "clock", o->clock, "window",
						   o->result == 0 || o->result == -EEXIST));
	} else {
		job_window_close(o->pid);
	}
	request_free(r);
	free(o);
}

void job_window_open(struct request *r, const char *job, pid_t pid)
{
	int64_t known = json_integer_value(json_object_get(request_option(r, 0), "known"));
	struct opening *o = calloc(1, sizeof(*o));

	if (!o) {
		answer_error(r->answer, "out of memory");
		request_free(r);
		return;
	}
	o->request = r;
	o->pid = pid;
	strncpy(o->job, job, sizeof(o->job) - 1);
	server_clock(journal_tick(server.o.journal), o->clock);
	o->result = window_open(pid, job, known);
	o->work.run = expire;
	o->work.done = expired;
	r->answer->maker = o;
	r->answer->abandon = gone;
	server_work(&o->work);
}


/* ---- hrfs-job-names ---- */

static const struct {
	const char *key;
	unsigned bit;
} lists[] = {
	{ "found", WINDOW_FOUND }, { "absent", WINDOW_ABSENT }, { "listed", WINDOW_LISTED }, { "made", WINDOW_MADE }
};

/* a string, or an object with the bytes where they are no text */
static json_t *name_of(const char *path)
{
	json_t *text = json_string(path), *o;

	if (text)
		return text;
	o = json_object();
	if (o)
		json_set_bytes(o, "name", path);
	return o;
}

static json_t *names_with(const struct window_names *n, unsigned bit)
{
	struct map_entry *e = NULL;
	json_t *list = json_array();

	while ((e = map_next(&n->names, e)))
		if ((uintptr_t)e->value & bit)
			json_array_append_new(list, name_of(e->key));
	return list;
}

static json_t *answer_of(const struct window_names *n)
{
	json_t *o = json_pack("{s:b,s:b,s:I}", "whole", n->whole, "nested", n->nested, "known", (json_int_t)n->token);
	json_t *git = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_object_set_new(o, lists[i].key, names_with(n, lists[i].bit));
	for (size_t i = 0; i < n->git_count; i++)
		json_array_append_new(git, json_integer(n->git[i]));
	json_object_set_new(o, "git", git);
	return o;
}

void cmd_job_names(struct request *r)
{
	bool close = json_is_true(json_object_get(request_option(r, 0), "close"));
	struct window_names names;
	pid_t pid;

	if (!request_pid(r, &pid))
		return;
	if (window_take(pid, close, &names) < 0) {
		answer_error(r->answer, "hrfs-job-names: there is no window for this pid");
	} else {
		answer_object(r->answer, answer_of(&names));
		window_names_done(&names);
	}
	request_free(r);
}
