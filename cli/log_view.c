#include "cli/log_view.h"
#include "cli/log_lines.h"
#include "cli/log_unread.h"
#include "cli/say.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_MS 1000 /* what was written just before the question belongs to the answer */
#define AGAIN_MS 1000  /* how often a supervisor is looked for that isn't there (yet) */

static json_t *output_request(const struct ask *a, const struct log_request *q, bool follow)
{
	json_t *o = json_pack("{s:b,s:i}", "follow", follow, "lines", q->lines);

	if (q->service)
		json_object_set_new(o, "service", json_bytes(q->service));
	return ask_request(a, "hrfs-output", o);
}

static int get_batches(struct ask *a, const struct log_request *q, json_t **batches)
{
	int r = ask_settle(a, SETTLE_MS);

	if (r != CLI_OK)
		return r;
	return ask_call(a, ask_request(a, "hrfs-history", json_pack("{s:i}", "limit", q->lines)), ASK_TIMEOUT_MS,
			batches);
}

/* Batches and lines in the order of their times. */
static void print_merged(const json_t *batches, const json_t *lines, bool as_json)
{
	size_t b = 0, l = 0;

	while (b < json_array_size(batches) || l < json_array_size(lines)) {
		const json_t *batch = json_array_get(batches, b);
		const json_t *line = json_array_get(lines, l);

		if (batch && (!line || log_time(batch) <= log_time(line))) {
			log_print_batch(batch, as_json);
			b++;
		} else {
			log_print_line(line, as_json);
			l++;
		}
	}
	fflush(stdout);
}

int log_history(struct ask *a, const struct log_request *q)
{
	json_t *batches = NULL, *lines = NULL;
	int r = CLI_OK;

	if (!q->service)
		r = get_batches(a, q, &batches);
	if (r != CLI_OK)
		return r;
	if (q->service)
		r = ask_call(a, output_request(a, q, false), ASK_TIMEOUT_MS, &lines);
	else if (ask_call_supervisor(a, output_request(a, q, false), ASK_TIMEOUT_MS, &lines) != CLI_OK)
		lines = NULL; /* changes are worth seeing without services too */
	if (r == CLI_OK && batches)
		log_mark_unread(a, json_object_get(batches, "batches"));
	if (r == CLI_OK)
		print_merged(json_object_get(batches, "batches"), json_object_get(lines, "lines"), q->as_json);
	json_decref(batches);
	json_decref(lines);
	return r;
}

/* ---- what comes ---- */

/* Changes and lines come by two connections: an answer without end would stand in the way of the others. */
struct follow {
	struct ask *a; /* changes */
	const struct log_request *q;
	struct ask output;
	bool asked;	  /* lines are on their way */
	json_int_t shown; /* the last tick of what was shown as history */
	bool said;	  /* why it ends */
	char *clock;	  /* up to where changes have been shown */
	int64_t line_ms;  /* the same for lines, which a second answer begins with again */
};

static void take_clock(struct follow *f, const json_t *o)
{
	const char *text = json_string_value(json_object_get(o, "clock"));
	char *clock = text ? strdup(text) : NULL;

	if (!clock)
		return;
	free(f->clock);
	f->clock = clock;
}

static int subscribe(struct follow *f)
{
	json_t *request = ask_request(f->a, "subscribe", json_string("hrfs-log"));
	json_t *options =
		json_pack("{s:b,s:[s],s:b}", "hrfs-batches", 1, "fields", "name", "empty_on_fresh_instance", 1);
	json_t *answer;
	int r;

	if (f->clock)
		json_object_set_new(options, "since", json_string(f->clock));
	json_array_append_new(request, options);
	r = ask_call(f->a, request, ASK_TIMEOUT_MS, &answer);
	if (r != CLI_OK)
		return r;
	if (!f->clock)
		take_clock(f, answer);
	json_decref(answer);
	return CLI_OK;
}

static void note_line(struct follow *f, const json_t *line)
{
	if (log_time(line) > f->line_ms)
		f->line_ms = log_time(line);
}

/* The lines that there have been come at once, further ones as they are said. */
static int ask_for_lines(struct follow *f, json_t **lines)
{
	json_t *request = output_request(&f->output, f->q, true);
	int r = f->q->service ? ask_call(&f->output, request, ASK_TIMEOUT_MS, lines)
			      : ask_call_supervisor(&f->output, request, ASK_TIMEOUT_MS, lines);

	f->asked = r == CLI_OK;
	return r;
}

static json_int_t last_tick(const json_t *batches)
{
	size_t n = json_array_size(batches);

	return n ? json_integer_value(json_object_get(json_array_get(batches, n - 1), "to")) : 0;
}

static int show_what_was(struct follow *f)
{
	json_t *batches = NULL, *lines = NULL, *line;
	size_t i;
	int r = f->q->service ? CLI_OK : get_batches(f->a, f->q, &batches);
	int lines_r = r == CLI_OK ? ask_for_lines(f, &lines) : r;

	if (r == CLI_OK && f->q->service)
		r = lines_r;
	if (r == CLI_OK) {
		print_merged(json_object_get(batches, "batches"), json_object_get(lines, "lines"), f->q->as_json);
		f->shown = last_tick(json_object_get(batches, "batches"));
		json_array_foreach(json_object_get(lines, "lines"), i, line) note_line(f, line);
	}
	json_decref(batches);
	json_decref(lines);
	return r;
}

/* By whom, how and when only a worker knew that is dead, or it was held back and comes as one difference. */
static void print_names(const json_t *files)
{
	AUTO_BUF safe = { 0 };
	size_t i;
	json_t *name;

	json_array_foreach(files, i, name)
	{
		if (i)
			buf_puts(&safe, ", ");
		say_safe(&safe, json_string_value(name));
	}
	if (safe.len)
		say_note("changed as well: %s", buf_str(&safe));
}

/* what became of it is asked by a connection of its own: on the others answers are on their way */
static void show_batch(struct follow *f, json_t *batch)
{
	struct ask about = { .mount = f->a->mount };
	json_t *batches = json_pack("[O]", batch);
	AUTO_BUF error = { 0 };

	if (client_connect(about.mount.socket, &about.client, &error) == 0) {
		log_mark_unread(&about, batches);
		client_free(about.client);
	}
	log_print_batch(batch, f->q->as_json);
	json_decref(batches);
}

/* False: that was the last of these answers. */
static bool print_object(struct follow *f, const json_t *o)
{
	json_t *batch = json_object_get(o, "hrfs-batch");
	size_t i;
	json_t *line;

	if (json_object_get(o, "subscription")) {
		take_clock(f, o);
		if (!batch)
			print_names(json_object_get(o, "files"));
	}
	if (batch && json_integer_value(json_object_get(batch, "to")) > f->shown)
		show_batch(f, batch);
	json_array_foreach(json_object_get(o, "lines"), i, line)
	{
		log_print_line(line, f->q->as_json);
		note_line(f, line);
	}
	return batch || json_object_get(o, "lines");
}

/* Everything that is there. 0; 1: no more will come; -EPIPE and the like */
static int drain(struct follow *f, struct client *c)
{
	bool more = true;
	json_t *o;
	int r;

	while ((r = client_receive(c, 0, &o)) == 0) {
		more = print_object(f, o) && more;
		json_decref(o);
	}
	return r != -EAGAIN ? r : !more;
}

static bool is_cut(int r)
{
	return r == -EPIPE || r == -ECONNRESET;
}

/* The worker has died, and another one goes on with the mount. */
static int go_on_with_changes(struct follow *f)
{
	int r = ask_again(f->a);

	if (r == 0 && subscribe(f) != CLI_OK) {
		f->said = true;
		r = -EPIPE;
	}
	return r;
}

/* Those that are older have been shown. */
static void print_new_lines(struct follow *f, const json_t *lines)
{
	int64_t shown = f->line_ms;
	json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		if (log_time(line) <= shown)
			continue;
		log_print_line(line, f->q->as_json);
		note_line(f, line);
	}
}

/* A supervisor that ends, or was never there, may come (again): the mount goes on. */
static int drain_output(struct follow *f)
{
	json_t *lines = NULL;
	int r = f->asked ? drain(f, f->output.client) : 0;

	if (is_cut(r) && ask_again(&f->output) == 0)
		f->asked = false;
	else if (r < 0)
		return r;
	if (r == 1 && f->q->service)
		return -EPIPE;
	if (r == 1)
		f->asked = false;
	else if (!f->asked && ask_for_lines(f, &lines) == CLI_OK)
		print_new_lines(f, json_object_get(lines, "lines"));
	json_decref(lines);
	f->said = f->q->service && !f->asked;
	return f->said ? -EPIPE : 0;
}

static int follow(struct follow *f)
{
	int r = 0;

	while (r == 0) {
		struct pollfd p[] = {
			{ f->q->service ? -1 : client_fd(f->a->client), POLLIN, 0 },
			{ -1, POLLIN, 0 },	 /* the lines, where there are some */
			{ STDOUT_FILENO, 0, 0 }, /* nobody reads any more */
		};

		/* first what is there already: some may have come with an earlier answer */
		if (!f->q->service)
			r = drain(f, f->a->client);
		if (is_cut(r)) {
			r = go_on_with_changes(f);
			continue; /* some may have come with the answer */
		}
		if (r >= 0)
			r = drain_output(f);
		fflush(stdout);
		p[1].fd = f->asked ? client_fd(f->output.client) : -1;
		if (r == 0 && poll(p, 3, f->asked ? -1 : AGAIN_MS) < 0 && errno != EINTR)
			return -errno;
		if (p[2].revents & POLLERR)
			return 0;
	}
	return r;
}

int log_follow(struct ask *a, const struct log_request *q)
{
	struct follow f = { .a = a, .q = q, .output = { .mount = a->mount } };
	AUTO_BUF error = { 0 };
	int r = q->service ? CLI_OK : subscribe(&f);

	if (r != CLI_OK)
		return r;
	if (client_connect(a->mount.socket, &f.output.client, &error) < 0) {
		say_error("%s", buf_str(&error));
		return CLI_FAILED;
	}
	r = show_what_was(&f);
	if (r == CLI_OK) {
		int end = follow(&f);

		r = end >= 0 ? CLI_OK : f.said ? CLI_NO_MOUNT : ask_failed(a, end);
	}
	client_free(f.output.client);
	free(f.clock);
	return r;
}
