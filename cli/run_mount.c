#include "cli/run_mount.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/mounting.h"
#include "cli/say.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* a descriptor that the supervisor inherits; -1: none */
static int pass(struct strv *argv, const char *option, int fd)
{
	char number[16];

	if (fd < 0)
		return CLI_OK;
	fcntl(fd, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", fd);
	return launch_add_pair(argv, option, number) < 0 ? CLI_FAILED : CLI_OK;
}

/* This process becomes the supervisor: its pid, terminal and exit status are the command's. */
static int become(const struct launch_mount *m, const struct run_request *q, const struct run_tree *t, int lifeline)
{
	AUTO_BUF error = { 0 };
	AUTO_STRV argv = { 0 };
	int r = launch_supervisor_argv(m, &argv, &error);

	if (r < 0) {
		say_error("%s", error.len ? error.data : strerror(-r));
		return CLI_FAILED;
	}
	r = run_tree_words(t, q, &argv);
	if (r == CLI_OK)
		r = pass(&argv, "--lifeline", lifeline);
	if (r == CLI_OK)
		r = pass(&argv, "--config", t->config);
	if (r != CLI_OK || launch_add_command(&argv, q->command) < 0)
		return r != CLI_OK ? r : CLI_FAILED;
	fflush(stdout);
	execv(argv.items[0], argv.items);
	say_error("%s cannot be executed: %s", argv.items[0], strerror(errno));
	return CLI_FAILED;
}

static int use_existing(const struct run_request *q, const struct run_tree *t)
{
	const struct client_mount *e = &t->existing;
	struct launch_mount m = { e->socket, e->mountpoint, e->source, NULL };

	return become(&m, q, t, -1);
}

/* The mount lives as long as somebody holds the pipe's end: in whatever way this process dies, it goes. */
static int use_own(const struct run_request *q, const struct run_tree *t)
{
	struct mounting m = { .source = t->root.data, .mountpoint = q->at, .jobs = !q->blind, .ancestors_know = true, .lifeline = -1 };
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
		q, t, lifeline[1]);
}

int run_mount(const struct run_request *q, const struct run_tree *t)
{
	return t->existing.mountpoint ? use_existing(q, t) : use_own(q, t);
}
