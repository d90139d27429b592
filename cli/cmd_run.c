#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/launch.h"
#include "cli/mounting.h"
#include "cli/project.h"
#include "cli/say.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/config.h"
#include "core/resolve.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct request {
	const char *source, *at, *cmd, *name;
	struct strv options, watch, ignore, services;
	bool keys, markers;
	char **command; /* NULL: what hrfs.yaml says */
	char *words[2]; /* --cmd as a command */
};

struct run {
	struct buf cwd;	 /* as it is named: may be below the mount by then */
	struct buf root; /* the tree's root */
	const char *marker;
	struct client_mount existing; /* mountpoint NULL: one is to be made */
};

static void request_done(struct request *q)
{
	strv_done(&q->options);
	strv_done(&q->watch);
	strv_done(&q->ignore);
	strv_done(&q->services);
}

static void run_done(struct run *r)
{
	buf_done(&r->cwd);
	buf_done(&r->root);
	client_mount_done(&r->existing);
}

/* ---- which tree ---- */

static int no_configuration(const char *dir)
{
	static const struct {
		const char *file, *command;
	} likely[] = {
		{ "go.mod", "go run ." },	  { "package.json", "npm start" }, { "Cargo.toml", "cargo run" },
		{ "manage.py", "./manage.py runserver" }, { "Makefile", "make run" },
	};
	AUTO_BUF found = { 0 };
	const char *command = "COMMAND";

	for (size_t i = 0; i < ARRAY_SIZE(likely); i++) {
		buf_truncate(&found, 0);
		if (project_find_up(dir, likely[i].file, &found) == 0 && strcmp(found.data, dir) == 0) {
			command = likely[i].command;
			break;
		}
	}
	say_error("run: neither a command nor, here or above, an " CONFIG_FILE_NAME "; say what to run: hrfs run -- %s",
		  command);
	return CLI_USAGE;
}

/* The directory with hrfs.yaml, going up; without one, where one stands. */
static int find_root(const struct request *q, struct run *run)
{
	AUTO_FREE char *real = NULL;
	int r = resolve_cwd(&run->cwd);

	if (r < 0) {
		say_error("the working directory: %s", strerror(-r));
		return CLI_FAILED;
	}
	if (q->source) {
		real = realpath(q->source, NULL);
		if (!real) {
			say_error("%s: %s", q->source, strerror(errno));
			return CLI_FAILED;
		}
		return buf_puts(&run->root, real) < 0 ? CLI_FAILED : CLI_OK;
	}
	if (project_find_up(run->cwd.data, CONFIG_FILE_NAME, &run->root) == 0)
		return CLI_OK;
	if (!q->command)
		return no_configuration(run->cwd.data);
	return buf_puts(&run->root, run->cwd.data) < 0 ? CLI_FAILED : CLI_OK;
}

/* A mount that one stands in is used, unless the configuration is another directory's. */
static void find_existing(const struct request *q, struct run *run)
{
	AUTO_BUF error = { 0 };
	struct client_mount m = { 0 };
	const char *root = run->root.data;
	bool covers;

	if (q->at || client_find(root, &m, &error) < 0)
		return;
	covers = strcmp(root, m.mountpoint) == 0;
	/* without a configuration the whole mount is the tree, wherever in it one stands */
	if (!covers && q->command && !q->source && path_is_below(root, m.mountpoint)) {
		AUTO_BUF found = { 0 };

		covers = project_find_up(root, CONFIG_FILE_NAME, &found) < 0;
		if (covers) {
			buf_truncate(&run->root, 0);
			buf_puts(&run->root, m.mountpoint);
		}
	}
	if (covers) {
		run->existing = m;
		return;
	}
	client_mount_done(&m);
}

/* ---- the supervisor's words ---- */

/* from the tree's root: dirs are named from where one stands */
static int relative(const struct run *run, const char *path, struct buf *out)
{
	AUTO_BUF absolute = { 0 };
	const char *root = run->root.data;
	int r = path_absolute(&absolute, run->cwd.data, path);

	if (r < 0)
		return r;
	if (strcmp(absolute.data, root) == 0)
		return buf_puts(out, "");
	if (!path_is_below(absolute.data, root))
		return -EXDEV;
	return buf_puts(out, absolute.data + strlen(root) + (root[1] ? 1 : 0));
}

/* "src,web/static" as other tools spell it: a pattern for each, from the root */
static int add_patterns(const struct run *run, const struct strv *lists, const char *option, struct strv *argv)
{
	for (size_t i = 0; i < lists->count; i++) {
		for (const char *p = lists->items[i]; *p;) {
			size_t len = strcspn(p, ",");
			AUTO_FREE char *word = strndup(p, len);
			AUTO_BUF path = { 0 };
			bool anywhere = word && !strchr(word, '/') && strpbrk(word, "*?[");
			int r = word ? (anywhere ? buf_puts(&path, word) : relative(run, word, &path)) : -ENOMEM;

			if (r == -EXDEV) {
				say_error("run: %s: %s is not in %s", option, word, run->root.data);
				return CLI_USAGE;
			}
			/* a slash in front ties it to the root: "src" is this one, not any */
			if (r == 0 && len && (strv_add(argv, option) ||
					      strv_take(argv, anywhere ? strdup(word) : ({
							char *tied = NULL;
							asprintf(&tied, "/%s", buf_str(&path)) < 0 ? NULL : tied;
						}))))
				return CLI_FAILED;
			p += len + (p[len] == ',');
		}
	}
	return CLI_OK;
}

static int add_pair(struct strv *argv, const char *option, const char *value)
{
	return value && (strv_add(argv, option) < 0 || strv_add(argv, value) < 0) ? CLI_FAILED : CLI_OK;
}

static int supervisor_words(const struct request *q, const struct run *run, struct strv *argv)
{
	AUTO_BUF cwd = { 0 };
	int r;

	if (relative(run, run->cwd.data, &cwd) < 0)
		buf_truncate(&cwd, 0); /* --source elsewhere: its root */
	r = q->command && cwd.len ? add_pair(argv, "--cwd", cwd.data) : CLI_OK;
	for (size_t i = 0; r == CLI_OK && i < q->services.count; i++)
		r = add_pair(argv, "--service", q->services.items[i]);
	if (r == CLI_OK)
		r = add_patterns(run, &q->watch, "--watch", argv);
	if (r == CLI_OK)
		r = add_patterns(run, &q->ignore, "--ignore", argv);
	if (r == CLI_OK)
		r = add_pair(argv, "--name", q->name);
	if (r == CLI_OK && q->keys)
		r = strv_add(argv, "--keys") < 0 ? CLI_FAILED : CLI_OK;
	if (r == CLI_OK && q->markers)
		r = strv_add(argv, "--markers") < 0 ? CLI_FAILED : CLI_OK;
	if (r == CLI_OK)
		r = strv_add(argv, "--consent") < 0 ? CLI_FAILED : CLI_OK;
	return r;
}

/* This process becomes the supervisor: its pid, terminal and exit status are the command's. */
static int become(const struct launch_mount *m, const struct request *q, const struct run *run, int lifeline)
{
	AUTO_BUF error = { 0 };
	AUTO_STRV argv = { 0 };
	char number[16];
	int r = launch_supervisor_argv(m, &argv, &error);

	if (r < 0) {
		say_error("%s", error.len ? error.data : strerror(-r));
		return CLI_FAILED;
	}
	r = supervisor_words(q, run, &argv);
	if (r == CLI_OK && lifeline >= 0) {
		fcntl(lifeline, F_SETFD, 0);
		snprintf(number, sizeof(number), "%d", lifeline);
		r = add_pair(&argv, "--lifeline", number);
	}
	if (r != CLI_OK || launch_add_command(&argv, q->command) < 0)
		return r != CLI_OK ? r : CLI_FAILED;
	fflush(stdout);
	execv(argv.items[0], argv.items);
	say_error("%s cannot be executed: %s", argv.items[0], strerror(errno));
	return CLI_FAILED;
}

/* ---- the mount ---- */

static int use_existing(const struct request *q, const struct run *run)
{
	const struct client_mount *e = &run->existing;
	struct launch_mount m = { e->socket, e->mountpoint, e->source, NULL };

	return become(&m, q, run, -1);
}

/* The mount lives as long as somebody holds the pipe's end: in whatever way this process dies, it goes. */
static int use_own(const struct request *q, const struct run *run)
{
	struct mounting m = {
		.source = run->root.data, .mountpoint = q->at, .ancestors_know = true, .lifeline = -1
	};
	AUTO_MOUNTED done = { 0 };
	int lifeline[2];
	int r;

	if (pipe2(lifeline, O_CLOEXEC))
		return CLI_FAILED;
	m.lifeline = lifeline[0];
	if (strv_add_all(&m.options, &q->options) < 0)
		return CLI_FAILED;
	r = mounting_do(&m, &done);
	strv_done(&m.options);
	close(lifeline[0]);
	if (r != CLI_OK)
		return r;
	for (size_t i = 0; i < done.notes.count; i++)
		say_note("%s", done.notes.items[i]);
	return become(
		&(struct launch_mount){
			mounted_text(&done, "socket"),
			done.place.mountpoint,
			done.place.source,
			mounted_text(&done, "device"),
		},
		q, run, lifeline[1]);
}

static int check(struct request *q, struct cli_args *args)
{
	if (args->command && !args->command[0]) {
		say_error("run: a command is wanted after '--'");
		return CLI_USAGE;
	}
	if (args->command && q->cmd) {
		say_error("run: there are two commands, --cmd and what stands after '--'");
		return CLI_USAGE;
	}
	q->command = args->command;
	if (q->cmd) {
		q->words[0] = (char *)q->cmd;
		q->command = q->words;
	}
	if (q->command && args->words.count) {
		say_error("run: either services or a command: '%s' stands before the '--'", args->words.items[0]);
		return CLI_USAGE;
	}
	if (!q->command && (q->watch.count || q->ignore.count || q->name)) {
		say_error("run: --watch, --ignore and --name are for a command; services have keys in " CONFIG_FILE_NAME);
		return CLI_USAGE;
	}
	return strv_add_all(&q->services, &args->words) < 0 ? CLI_FAILED : CLI_OK;
}

static int run_it(struct request *q, struct cli_args *args)
{
	AUTO_DONE(run) struct run run = { 0 };
	int r = check(q, args);

	if (r == CLI_OK)
		r = find_root(q, &run);
	if (r != CLI_OK)
		return r;
	find_existing(q, &run);
	return run.existing.mountpoint ? use_existing(q, &run) : use_own(q, &run);
}

static int run_run(int argc, char **argv)
{
	AUTO_DONE(request) struct request q = { 0 };
	const struct cli_option options[] = {
		{ "source", 's', CLI_TEXT, &q.source, "DIR", "the tree (default: where hrfs.yaml is, here or above;\nwithout one the working directory)" },
		{ "at", 0, CLI_TEXT, &q.at, "DIR", "mount it there, not over itself" },
		{ "option", 'o', CLI_LIST, &q.options, "OPT[,OPT…]", "options of the mount, as in hrfs mount" },
		{ "watch", 'w', CLI_LIST, &q.watch, "DIR[,DIR…]", "only what is below these, or matches these patterns,\nrestarts the command" },
		{ "ignore", 'i', CLI_LIST, &q.ignore, "DIR[,DIR…]", "what is below these never does" },
		{ "cmd", 'c', CLI_TEXT, &q.cmd, "LINE", "the command as one line, by the shell where it needs one" },
		{ "name", 0, CLI_TEXT, &q.name, "NAME", "what the command is called in logs" },
		{ "keys", 'k', CLI_FLAG, &q.keys, NULL, "Enter reloads, p pauses, w says why, q quits (with\nseveral services always so)" },
		{ "markers", 0, CLI_FLAG, &q.markers, NULL, "a line at the begin of each build, for editors" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	int r = cli_parse(&cmd_run, options, 0, -1, argv, &args);

	if (r < 0)
		r = run_it(&q, &args);
	/* comes back only when it did not become the supervisor; its own codes would look like the command's */
	return r == CLI_OK ? CLI_OK : CLI_RUN_FAILED;
}

const struct cli_command cmd_run = {
	.name = "run",
	.summary = "mount the tree one stands in, run a command or services, unmount at the end",
	.usage = "[OPTIONS] -- COMMAND [ARG…]\n[OPTIONS] [SERVICE…]",
	.help = "Mounts the tree over itself, starts COMMAND, or the services of hrfs.yaml (default:\n"
		"all), and restarts each at a change of what it is made of. A save that changes\n"
		"nothing restarts nothing. The working directory stays the one you are in. At the\n"
		"end, Ctrl-C or kill, the mount goes away. In a mount that exists already that one is\n"
		"used, and stays.\n"
		"\n"
		"  hrfs run -- go run ./cmd/api            anything that runs until it is stopped\n"
		"  hrfs run -- go test ./...               or that ends: again at each change\n"
		"  hrfs run                                services of hrfs.yaml\n"
		"  hrfs run api web                        these, and what they come after\n"
		"  hrfs run --watch src --cmd 'make && ./app'\n"
		"\n"
		"Exit status: the command's own (of several services the first one that is not 0);\n"
		"128 + N when signal N ended it; 125 when hrfs itself failed.\n",
	.run = run_run,
};
