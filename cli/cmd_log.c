#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/log_view.h"
#include "cli/say.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/resolve.h"
#include "core/rundir.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- the daemon's own log ---- */

/* The file of a mount that can't be asked any more: its device number says where it is. */
static int log_of_dead(struct buf *path)
{
	AUTO_BUF cwd = { 0 };
	struct mountinfo_entry e;
	int r = resolve_cwd(&cwd);

	if (r == 0)
		r = mountinfo_of_path(buf_str(&cwd), &e);
	if (r != 0)
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

static int show_daemon_log(const struct log_request *q)
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

static int run_log(int argc, char **argv)
{
	struct log_request q = { .lines = 100 };
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
		r = q.follow ? log_follow(&a, &q) : log_history(&a, &q);
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
