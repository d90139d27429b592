#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/log_lines.h"
#include "cli/say.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/resolve.h"
#include "core/rundir.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_MS 1000

struct request {
	bool follow, daemon, as_json;
	int lines;
	const char *service;
};

/* ---- the daemon's own log ---- */

/* The file of a mount that can't be asked any more: its device number says where it is. */
static int log_of_dead(struct buf *path)
{
	AUTO_BUF cwd = { 0 };
	struct mountinfo_entry e;
	int r = resolve_cwd(&cwd);

	if (r == 0)
		r = mountinfo_of_path(buf_str(&cwd), &e);
	if (r < 0)
		return r;
	r = strncmp(e.type, "fuse", 4) == 0 ? -ENOENT : -ESRCH;
	for (unsigned n = 0; r == -ENOENT; n++) {
		AUTO_BUF dir = { 0 };

		if (rundir_nth(n, &dir) < 0)
			break;
		buf_truncate(path, 0);
		if (rundir_file(path, dir.data, e.dev, "log") == 0 && access(path->data, R_OK) == 0)
			r = 0;
	}
	mountinfo_entry_done(&e);
	return r;
}

static int show_daemon_log(const struct request *q)
{
	AUTO_BUF error = { 0 };
	AUTO_BUF path = { 0 };
	struct client_mount m = { 0 };
	char lines[16];
	int r = client_find(NULL, &m, &error);

	if (r == 0)
		buf_puts(&path, m.log);
	else if (r == -ENOTCONN && log_of_dead(&path) == 0)
		r = 0;
	client_mount_done(&m);
	if (r < 0) {
		say_error("%s", buf_str(&error));
		return CLI_NO_MOUNT;
	}
	snprintf(lines, sizeof(lines), "%d", q->lines);
	/* it knows how to follow a file that is renamed and begun anew */
	execlp("tail", "tail", "-n", lines, q->follow ? "-F" : "--", path.data, NULL);
	say_error("tail cannot be executed: %s; the log is %s", strerror(errno), path.data);
	return CLI_FAILED;
}

/* ---- what has been ---- */

static json_t *output_request(const struct ask *a, const struct request *q, bool follow)
{
	json_t *o = json_pack("{s:b,s:i}", "follow", follow, "lines", q->lines);

	if (q->service)
		json_object_set_new(o, "service", json_bytes(q->service));
	return ask_request(a, "hrfs-output", o);
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
}

static int show_history(struct ask *a, const struct request *q)
{
	json_t *batches = NULL, *lines = NULL;
	json_t *settled;
	int r = ask_call(a, ask_request(a, "hrfs-settle", json_pack("{s:i}", "timeout_ms", SETTLE_MS)), ASK_TIMEOUT_MS,
			 &settled);

	/* what was written just before the question belongs to the answer */
	if (r != CLI_OK)
		return r;
	json_decref(settled);
	if (!q->service) {
		r = ask_call(a, ask_request(a, "hrfs-history", json_pack("{s:i}", "limit", q->lines)), ASK_TIMEOUT_MS,
			     &batches);
		if (r != CLI_OK)
			return r;
	}
	if (q->service)
		r = ask_call(a, output_request(a, q, false), ASK_TIMEOUT_MS, &lines);
	else if (ask_call_supervisor(a, output_request(a, q, false), ASK_TIMEOUT_MS, &lines) != CLI_OK)
		lines = NULL; /* changes are worth seeing without services too */
	if (r == CLI_OK)
		print_merged(json_object_get(batches, "batches"), json_object_get(lines, "lines"), q->as_json);
	json_decref(batches);
	json_decref(lines);
	fflush(stdout);
	return r;
}

/* ---- what comes ---- */

static int subscribe(struct ask *a)
{
	json_t *answer;
	json_t *request = ask_request(a, "subscribe", json_string("hrfs-log"));
	json_t *options =
		json_pack("{s:b,s:[s],s:b}", "hrfs-batches", 1, "fields", "name", "empty_on_fresh_instance", 1);
	int r;

	json_array_append_new(request, options);
	r = ask_call(a, request, ASK_TIMEOUT_MS, &answer);
	if (r == CLI_OK)
		json_decref(answer);
	return r;
}

static void print_object(const json_t *o, bool as_json)
{
	const json_t *lines = json_object_get(o, "lines");
	const json_t *batch = json_object_get(o, "hrfs-batch");
	size_t i;
	json_t *line;

	if (batch)
		log_print_batch(batch, as_json);
	json_array_foreach(lines, i, line) log_print_line(line, as_json);
}

/* Everything that is there. 0, or -EPIPE and the like when the connection is over. */
static int drain(struct client *c, bool as_json)
{
	json_t *o;
	int r;

	while ((r = client_receive(c, 0, &o)) == 0) {
		print_object(o, as_json);
		json_decref(o);
	}
	return r == -EAGAIN ? 0 : r;
}

static int follow(struct ask *changes, struct client *output, const struct request *q)
{
	int r = 0;

	while (r == 0) {
		struct pollfd p[] = {
			{ q->service ? -1 : client_fd(changes->client), POLLIN, 0 },
			{ output ? client_fd(output) : -1, POLLIN, 0 },
			{ STDOUT_FILENO, 0, 0 }, /* nobody reads any more */
		};

		if (!q->service)
			r = drain(changes->client, q->as_json);
		if (r == 0 && output && drain(output, q->as_json) < 0) {
			if (q->service)
				r = -EPIPE;
			output = NULL; /* the supervisor has ended, the mount goes on */
		}
		fflush(stdout);
		if (r == 0 && poll(p, 3, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[2].revents & POLLERR)
			return 0;
	}
	return r;
}

/* Changes and lines come by two connections: an answer without end would stand in the way of the others. */
static int follow_all(struct ask *a, const struct request *q)
{
	AUTO_BUF error = { 0 };
	struct client *output;
	int r = q->service ? CLI_OK : subscribe(a);

	if (r == CLI_OK && client_connect(a->mount.socket, &output, &error) < 0) {
		say_error("%s", buf_str(&error));
		return CLI_FAILED;
	}
	if (r != CLI_OK)
		return r;
	r = client_send(output, output_request(a, q, true));
	if (r == 0)
		r = follow(a, output, q);
	client_free(output);
	if (r == 0)
		return CLI_OK;
	return ask_failed(a, r);
}

static int run_log(int argc, char **argv)
{
	struct request q = { .lines = 100 };
	const struct cli_option options[] = {
		{ "follow", 'f', CLI_FLAG, &q.follow, NULL, "go on with what comes, until Ctrl-C" },
		{ "lines", 'n', CLI_COUNT, &q.lines, "N", "of what has been show the last N (default 100)" },
		{ "daemon", 'd', CLI_FLAG, &q.daemon, NULL, "the log of the mount's daemon instead" },
		{ "json", 'j', CLI_FLAG, &q.as_json, NULL, "an object a line" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_ASK a = { 0 };
	int r = cli_parse(&cmd_log, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	q.service = args.words.count ? args.words.items[0] : NULL;
	if (q.daemon)
		return show_daemon_log(&q);
	r = ask_open(&a, NULL);
	if (r == CLI_OK)
		r = q.follow ? follow_all(&a, &q) : show_history(&a, &q);
	return r;
}

const struct cli_command cmd_log = {
	.name = "log",
	.summary = "show changes, and what the services say; -f as they come",
	.usage = "[-f] [-n N] [--json] [SERVICE]\n--daemon [-f] [-n N]",
	.help = "Shows what has changed in the mount that the working directory lies in: a line for\n"
		"each path with what happened to it and which program did it, also what turned out\n"
		"to be no change (saved with the same bytes, only touched, put back) with the reason.\n"
		"Between them the lines that builds and services have written. With SERVICE only\n"
		"that one's.\n"
		"\n"
		"  hrfs log -f             live\n"
		"  hrfs log -n 20 api      the last 20 lines of api: a build's errors too\n"
		"  hrfs log --daemon       what the mount's own daemon has to say\n"
		"\n"
		"Exit status: 0; 3 no mount here, or it has ended.\n",
	.run = run_log,
};
