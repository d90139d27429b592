#include "cli/mounting.h"
#include "cli/cli.h"
#include "cli/exclude.h"
#include "cli/fuse_check.h"
#include "cli/fuse_conf.h"
#include "cli/job_probe.h"
#include "cli/launch.h"
#include "cli/project.h"
#include "cli/say.h"
#include "core/insiders.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define LISTED_MAX 8 /* processes that a note names */

void mounted_done(struct mounted *m)
{
	place_done(&m->place);
	json_decref(m->ready);
	strv_done(&m->notes);
}

const char *mounted_text(const struct mounted *m, const char *key)
{
	const char *text = json_string_value(json_object_get(m->ready, key));

	return text ? text : "";
}

static void note(struct mounted *m, struct buf *text)
{
	strv_take(&m->notes, buf_take(text));
}

/* ---- allow_other ---- */

/* a word of the -o lists, up to its '=' */
static bool has_option(const struct strv *options, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < options->count; i++) {
		for (const char *p = options->items[i]; *p;) {
			size_t word = strcspn(p, ",");

			if (strcspn(p, ",=") == len && strncmp(p, name, len) == 0)
				return true;
			p += word + (p[word] == ',');
		}
	}
	return false;
}

/* default_permissions guards the tree whoever enters, so others may, wherever that is permitted. */
static int decide_allow_other(struct strv *options)
{
	if (has_option(options, "allow_other") || has_option(options, "noallow_other"))
		return 0;
	return geteuid() == 0 || fuse_conf_allows_others() ? strv_add(options, "allow_other") : 0;
}

/* What hrfs-job may not mark. The kernel asks from the beginning of a mount, or never. */
static int decide_opens(const struct mounting *m, struct strv *options)
{
	AUTO_JOB_PROBE p = { 0 };

	if (!m->jobs || has_option(options, "answer_opens") || has_option(options, "noanswer_opens"))
		return 0;
	job_probe(&p);
	return p.marks ? 0 : strv_add(options, "answer_opens");
}

static void note_alone(struct mounted *m, const struct strv *options)
{
	AUTO_BUF text = { 0 };

	if (m->allow_other)
		return;
	buf_puts(&text, "only you can enter this mount: root, sudo, docker and other users cannot");
	if (has_option(options, "noallow_other"))
		buf_puts(&text, " (-o noallow_other)");
	else
		buf_puts(&text, "; to let them, mount again after: echo user_allow_other | sudo tee -a /etc/fuse.conf");
	note(m, &text);
}

/* ---- the other notes ---- */

static void note_replaced(struct mounted *m)
{
	AUTO_BUF text = { 0 };

	if (!m->place.replaced)
		return;
	buf_printf(&text, "a dead mount was on %s; it has been replaced", m->place.mountpoint);
	note(m, &text);
}

static void note_project(struct mounted *m)
{
	AUTO_BUF root = { 0 };
	AUTO_BUF word = { 0 };
	AUTO_BUF text = { 0 };
	const char *marker;

	if (project_above(m->place.source, &root, &marker) < 0)
		return;
	say_word(&word, root.data);
	buf_printf(&text, "%s lies in %s%s: the project's root is the thing to mount: hrfs mount %s", marker, root.data,
		   strcmp(marker, ".git") == 0 ? ", and git does not find it from inside the mount" : "",
		   buf_str(&word));
	note(m, &text);
}

static void note_exclude(struct mounted *m)
{
	AUTO_BUF file = { 0 };
	AUTO_BUF text = { 0 };
	int r = m->place.in_place ? 0 : exclude_enter(m->place.mountpoint, mounted_text(m, "socket"), &file);

	if (r > 0)
		buf_printf(&text, "%s lies in a git work tree: while it is mounted, %s keeps it out of git add",
			   m->place.mountpoint, file.data);
	else if (r < 0)
		buf_printf(&text, "%s lies in a git work tree, but %s cannot be written (%s): do not 'git add' it",
			   m->place.mountpoint, buf_str(&file), strerror(-r));
	if (r)
		note(m, &text);
}

struct outside {
	struct buf text;
	size_t count;
	bool ancestors_know;
};

static int add_outside(const struct insider *i, void *arg)
{
	struct outside *o = arg;

	/* nobody can type it there: who has started this, or the rest of its pipeline */
	if (o->ancestors_know && (insider_is_ancestor(i->pid) || getpgid(i->pid) == getpgrp()))
		return 0;
	if (o->count++ < LISTED_MAX) {
		buf_puts(&o->text, o->count > 1 ? ", " : "");
		say_safe(&o->text, i->name);
		buf_printf(&o->text, " (%d%s)", i->pid, i->pid == getppid() ? ", this shell" : "");
	}
	return 0;
}

/* Their directory is the one below the mount, where nobody sees what they do. */
static void note_outside(struct mounted *m, bool ancestors_know)
{
	struct outside o = { .ancestors_know = ancestors_know };
	AUTO_BUF text = { 0 };

	if (m->place.in_place)
		insiders_of_directory(m->place.mountpoint, add_outside, &o);
	if (o.count) {
		buf_printf(&text, "%s", buf_str(&o.text));
		if (o.count > LISTED_MAX)
			buf_printf(&text, " and %zu more", o.count - LISTED_MAX);
		buf_printf(&text, " already stood in %s and still %s what lies below the mount; 'cd .' enters it",
			   m->place.mountpoint, o.count > 1 ? "see" : "sees");
		note(m, &text);
	}
	buf_done(&o.text);
}

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

/* From before there is a daemon: it hears them by itself, and mounting_stay() passes them on to it. */
static void hold_signals(void)
{
	sigset_t set;

	stop_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int mounting_stay(const struct mounted *m)
{
	sigset_t set;
	int sig, status;

	stop_signals(&set);
	for (;;) {
		pid_t pid = waitpid(m->pid, &status, WNOHANG);

		if (pid == m->pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_OK : CLI_FAILED;
		if (pid < 0 || sigwait(&set, &sig))
			return CLI_FAILED;
		if (sig != SIGCHLD)
			kill(m->pid, SIGTERM);
	}
}

int mounting_do(struct mounting *m, struct mounted *out)
{
	AUTO_BUF error = { 0 };
	struct launch launch;
	int r = place_find(m->source, m->mountpoint, &out->place);

	if (r == CLI_OK)
		r = fuse_check();
	if (r != CLI_OK)
		return r;
	if (decide_allow_other(&m->options) < 0 || decide_opens(m, &m->options) < 0)
		return CLI_FAILED;
	launch = (struct launch){
		.source = out->place.in_place ? out->place.source : out->place.source_path,
		.mountpoint = out->place.mountpoint,
		.options = &m->options,
		.foreground = m->foreground,
		.lifeline = m->lifeline,
	};
	if (m->foreground)
		hold_signals();
	r = launch_daemon(&launch, &out->ready, &out->pid, &error);
	if (r < 0)
		return fuse_explain(r, buf_str(&error));
	out->allow_other = json_is_true(json_object_get(out->ready, "allow_other"));
	note_alone(out, &m->options);
	note_replaced(out);
	note_exclude(out);
	note_project(out);
	note_outside(out, m->ancestors_know);
	return CLI_OK;
}
