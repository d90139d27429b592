/* What jobs ask for, told to whoever has named them: windows by their jobs' pids. */
#include "core/change.h"
#include "fs/opens.h"
#include "fs/server_parts.h"
#include "fs/shared.h"
#include "fs/window.h"
#include <errno.h>
#include <string.h>

void job_window_close(pid_t pid)
{
	struct window_names names;

	if (window_take(pid, true, &names) == 0)
		window_names_done(&names);
	opens_end(pid);
}

struct opening {
	struct work work;
	struct request *request;
	char job[WRITER_JOB_SIZE];
	char clock[CLOCK_TEXT_SIZE]; /* before what the kernel knew was told to be doubtful */
	pid_t pid;
	int result;
	bool opens; /* what it opens is noted */
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
		answer_object(r->answer, json_pack("{s:s,s:s,s:b,s:b}", "job", o->job, "clock", o->clock, "window",
						   o->result == 0 || o->result == -EEXIST, "opens", o->opens));
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
	o->opens = shared->config.answer_opens && json_is_true(json_object_get(request_option(r, 0), "opens")) &&
		   opens_begin(pid) != -ENOSPC;
	o->work.run = expire;
	o->work.done = expired;
	r->answer->maker = o;
	r->answer->abandon = gone;
	server_work(&o->work);
}

/* ---- lists of names ---- */

struct list {
	const char *key;
	unsigned bit;
};

static const struct list asked_for[] = {
	{ "found", WINDOW_FOUND }, { "absent", WINDOW_ABSENT }, { "listed", WINDOW_LISTED }, { "made", WINDOW_MADE }, { NULL, 0 }
};

static const struct list opened[] = {
	{ "opened", OPEN_CONTENT }, { "executed", OPEN_EXECUTED }, { "opened_directories", OPEN_LISTED }, { NULL, 0 }
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

static json_t *names_with(const struct map *names, unsigned bit)
{
	struct map_entry *e = NULL;
	json_t *list = json_array();

	while ((e = map_next(names, e)))
		if ((uintptr_t)e->value & bit)
			json_array_append_new(list, name_of(e->key));
	return list;
}

static void put_lists(json_t *o, const struct list *lists, const struct map *names)
{
	for (; lists->key; lists++)
		json_object_set_new(o, lists->key, names_with(names, lists->bit));
}

/* ---- what it opens ---- */

/* puts it into o. false: nobody notes it */
static bool put_opened(json_t *o, pid_t pid)
{
	struct opened all;

	if (opens_take(pid, &all) < 0)
		return false;
	put_lists(o, opened, &all.paths);
	json_object_set_new(o, "opens_whole", json_boolean(!all.lost));
	opened_done(&all);
	return true;
}

void job_tell_opened(struct connection *c, pid_t pid)
{
	json_t *o;

	if (!opens_are_due(pid))
		return;
	o = json_pack("{s:i}", "pid", (int)pid);
	put_opened(o, pid);
	connection_push_object(c, json_pack("{s:s,s:b,s:o}", "version", WATCHMAN_VERSION, "unilateral", 1, "hrfs-opened", o));
}

/* ---- hrfs-job-names ---- */

static void put_names(json_t *o, const struct window_names *n)
{
	json_t *git = json_array();

	put_lists(o, asked_for, &n->names);
	for (size_t i = 0; i < n->git_count; i++)
		json_array_append_new(git, json_integer(n->git[i]));
	json_object_set_new(o, "git", git);
}

void cmd_job_names(struct request *r)
{
	bool close = json_is_true(json_object_get(request_option(r, 0), "close"));
	struct window_names names = { 0 };
	json_t *o;
	pid_t pid;
	int window;

	if (!request_pid(r, &pid))
		return;
	window = window_take(pid, close, &names);
	o = json_pack("{s:b,s:b,s:I}", "whole", names.whole, "nested", names.nested, "known", (json_int_t)names.token);
	put_names(o, &names);
	if (put_opened(o, pid) || window == 0) {
		answer_object(r->answer, o);
		if (close) /* from here on what it opens is told as it comes */
			opens_await(pid, server_look_again);
	} else {
		answer_error(r->answer, "hrfs-job-names: there is no window for this pid");
		json_decref(o);
	}
	window_names_done(&names);
	request_free(r);
}
