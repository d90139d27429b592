#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/probe.h"
#include "cli/say.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/config.h"
#include "core/resolve.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MS 2000 /* a mount that hangs must not hide the others */
#define TIMES_MOST 20  /* is one asked */

struct overview {
	json_t *mounts;
};

/* ---- asking ---- */

/* *answer: NULL when there is none. 0 or -errno */
static int call(struct client *c, const char *name, const char *root, json_t **answer)
{
	int r = client_call(c, json_pack("[s,o]", name, json_bytes(root)), ANSWER_MS, answer);

	if (r < 0)
		*answer = NULL;
	if (r < 0 || !json_object_get(*answer, "error"))
		return r;
	json_decref(*answer);
	*answer = NULL;
	return 0;
}

/* Of whichever worker goes on with the mount, when one dies meanwhile. NULL: the mount is dead */
static struct client *connect_and_ask(const struct client_mount *m, json_t **status)
{
	struct client *c;

	for (int i = 0; i < TIMES_MOST; i++) {
		AUTO_BUF error = { 0 };
		int r;

		if (client_connect(m->socket, &c, &error) < 0)
			return NULL;
		r = call(c, "hrfs-status", m->mountpoint, status);
		if (r != -EPIPE && r != -ECONNRESET)
			return c;
		client_free(c);
	}
	return NULL;
}

static void take(json_t *to, json_t *from)
{
	if (!from)
		return;
	json_object_del(from, "version");
	json_object_update(to, from);
	json_decref(from);
}

/* One object for each mount: what its description says, what it answers, and "state". */
static json_t *describe(const struct client_mount *m)
{
	json_t *o = json_pack("{s:i,s:b}", "pid", m->keeper_pid, "allow_other", m->allow_other);
	json_t *status, *services;
	struct client *c;

	json_set_bytes(o, "mountpoint", m->mountpoint);
	json_set_bytes(o, "source", m->source);
	json_set_bytes(o, "socket", m->socket);
	json_set_bytes(o, "log", m->log);
	c = connect_and_ask(m, &status);
	if (!c) {
		json_object_set_new(o, "state", json_string("dead"));
		return o;
	}
	json_object_set_new(o, "state", json_string(status ? "serving" : "hangs"));
	take(o, status);
	if (json_is_true(json_object_get(o, "supervisor")) && call(c, "hrfs-services", m->mountpoint, &services) == 0)
		take(o, services);
	client_free(c);
	return o;
}

static int add_live(const struct client_mount *m, void *arg)
{
	struct overview *o = arg;

	json_array_append_new(o->mounts, describe(m));
	return 0;
}

static bool is_listed(const struct overview *o, const char *mountpoint)
{
	size_t i;
	json_t *m;

	json_array_foreach(o->mounts, i, m)
	{
		AUTO_FREE char *at = json_get_bytes(m, "mountpoint");

		if (at && strcmp(at, mountpoint) == 0)
			return true;
	}
	return false;
}

/*
 * What the kernel has and no description tells of: dead, or somebody else's, or one that was made with
 * another $XDG_RUNTIME_DIR. A child process looks which.
 */
static const char *state_of_other(const char *mountpoint)
{
	AUTO_BUF error = { 0 };
	struct client_mount m;
	int r = client_find(mountpoint, &m, &error);

	if (r == 0) {
		client_mount_done(&m);
		return "serving"; /* it has come up just now */
	}
	if (r == -EPERM)
		return "another user's";
	r = probe(mountpoint);
	return r == -ENOTCONN ? "dead" : r == -ETIMEDOUT ? "hangs" : "served elsewhere";
}

static int add_other(const struct mountinfo_entry *e, void *arg)
{
	struct overview *o = arg;
	json_t *one;

	if (strcmp(e->type, "fuse.hrfs") != 0 || is_listed(o, e->mountpoint))
		return 0;
	one = json_pack("{s:s}", "state", state_of_other(e->mountpoint));
	json_set_bytes(one, "mountpoint", e->mountpoint);
	json_set_bytes(one, "source", e->source);
	json_array_append_new(o->mounts, one);
	return 0;
}

/* ---- telling ---- */

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void print_path(const json_t *o, const char *key)
{
	AUTO_FREE char *path = json_get_bytes(o, key);
	AUTO_BUF safe = { 0 };

	say_safe(&safe, path ? path : "?");
	fputs(buf_str(&safe), stdout);
}

static enum say_style style_of(const char *state)
{
	static const struct {
		const char *state;
		enum say_style style;
	} styles[] = {
		{ "ready", SAY_GREEN },	    { "serving", SAY_GREEN },	{ "failed", SAY_RED },
		{ "dead", SAY_RED },	    { "hangs", SAY_RED },	{ "backoff", SAY_RED },
		{ "building", SAY_YELLOW }, { "starting", SAY_YELLOW }, { "stopping", SAY_YELLOW },
		{ "waiting", SAY_YELLOW },
	};

	for (size_t i = 0; i < ARRAY_SIZE(styles); i++) {
		if (strcmp(styles[i].state, state) == 0)
			return styles[i].style;
	}
	return SAY_PLAIN;
}

static void print_state(const char *state, int width)
{
	printf("%s%-*s%s", say_style(style_of(state)), width, state, say_style(SAY_PLAIN));
}

/* Others are told no names, and nothing of the services. */
static bool may_ask_all(const json_t *m)
{
	const json_t *owner = json_object_get(m, "owner");

	return !json_is_integer(owner) || geteuid() == 0 || json_integer_value(owner) == (json_int_t)geteuid();
}

static void print_config_error(const json_t *m)
{
	AUTO_BUF safe = { 0 };

	if (!*text(m, "config_error") || say_safe(&safe, text(m, "config_error")) < 0)
		return;
	printf("  %s%-12s%s %s\n", say_style(SAY_RED), CONFIG_FILE_NAME, say_style(SAY_PLAIN), buf_str(&safe));
}

/* what it is good for that hrfs knows what jobs read */
static void print_avoided(const json_t *s)
{
	const json_t *list = json_object_get(s, "avoided_for");
	long long avoided = json_integer_value(json_object_get(s, "avoided"));
	long long reloads = json_integer_value(json_object_get(s, "reloads"));
	AUTO_BUF examples = { 0 };
	size_t i;
	json_t *one;

	if (!avoided)
		return;
	json_array_foreach(list, i, one)
	{
		buf_puts(&examples, i ? ", " : ": ");
		say_safe(&examples, json_string_value(one));
	}
	printf("  %-12s reloaded ", "");
	if (reloads == 1)
		printf("once");
	else
		printf("%lld times", reloads);
	printf("; %lld change%s needed no reload%s\n", avoided, avoided == 1 ? "" : "s", buf_str(&examples));
}

static void print_services(const json_t *m)
{
	const json_t *list = json_object_get(m, "services");
	size_t i;
	json_t *s;

	json_array_foreach(list, i, s)
	{
		AUTO_BUF safe = { 0 };

		say_safe(&safe, text(s, "summary"));
		printf("  %-12s ", text(s, "name"));
		print_state(text(s, "state"), 9);
		printf(" %s\n", buf_str(&safe));
		print_avoided(s);
	}
	if (!may_ask_all(m) && json_is_true(json_object_get(m, "supervisor")))
		printf("  %-12s only the mount's owner and root may ask how they are\n", "services");
	list = json_object_get(m, "not_started");
	json_array_foreach(list, i, s) printf("  %-12s not started: %s\n", text(s, "service"), text(s, "reason"));
	if (!json_array_size(list))
		print_config_error(m);
}

/* What has been served for long: a disk or a network behind the mount hangs, perhaps. */
static void print_slow(const json_t *m)
{
	const char *nameless = may_ask_all(m) ? "a removed file" : "a file";
	const json_t *list = json_object_get(m, "slow");
	size_t i;
	json_t *s;

	json_array_foreach(list, i, s)
	{
		AUTO_FREE char *path = json_get_bytes(s, "name");
		AUTO_BUF safe = { 0 }, taken = { 0 };

		if (say_safe(&safe, !path ? nameless : *path ? path : ".") < 0 ||
		    say_duration(&taken, json_integer_value(json_object_get(s, "ms"))) < 0)
			return;
		printf("  %s%-12s%s %s of %s has taken %s so far\n", say_style(SAY_RED), "slow", say_style(SAY_PLAIN),
		       text(s, "request"), buf_str(&safe), buf_str(&taken));
	}
}

static void print_mount(const json_t *m)
{
	AUTO_BUF uptime = { 0 };
	const json_t *seconds = json_object_get(m, "uptime_s");

	printf("%s", say_style(SAY_BOLD));
	print_path(m, "mountpoint");
	printf("%s  ", say_style(SAY_PLAIN));
	print_state(text(m, "state"), 0);
	if (json_integer_value(seconds) > 0 && say_duration(&uptime, json_integer_value(seconds) * 1000) == 0)
		printf(" for %s", buf_str(&uptime));
	printf(", from ");
	print_path(m, "source");
	if (strcmp(text(m, "state"), "dead") == 0) {
		printf("  (hrfs umount --lazy ");
		print_path(m, "mountpoint");
		printf(")");
	}
	putchar('\n');
	print_slow(m);
	print_services(m);
}

static void print_number(const char *label, const json_t *o, const char *key)
{
	const json_t *n = json_object_get(o, key);

	if (json_is_integer(n))
		printf("  %-12s %lld\n", label, (long long)json_integer_value(n));
}

/* of one that has taken the mount over */
static void print_worker_age(const json_t *m)
{
	int64_t mount = json_integer_value(json_object_get(m, "uptime_s"));
	int64_t worker = json_integer_value(json_object_get(m, "worker_uptime_s"));
	AUTO_BUF age = { 0 };

	if (mount - worker > 1 && say_duration(&age, worker * 1000) == 0)
		printf(" (serves for %s)", buf_str(&age));
	putchar('\n');
}

/* what `hrfs status` tells beyond the overview of the mount that one stands in */
static void print_outside(const json_t *door)
{
	const char *why = text(door, "why"), *how = text(door, "how");

	if (strcmp(how, "timeout") == 0) {
		printf("  %-12s changes behind the mount are seen within a second%s%s\n", "outside", *why ? ": " : "", why);
		return;
	}
	printf("  %-12s changes behind the mount are seen at once, by %s (%lld marks%s)\n", "outside", how,
	       (long long)json_integer_value(json_object_get(door, "marks")),
	       json_is_true(json_object_get(door, "full")) ? ", and no room for more" : "");
}

/* for how long the kernel believes what it was told, where and why not for long */
static void print_believed(const json_t *door)
{
	bool day = strcmp(text(door, "believed"), "day") == 0;
	const json_t *list = json_object_get(door, "not_watched");
	size_t i;
	json_t *one;

	printf("  %-12s names, attributes and pages are kept for a %s%s%s\n", "cache", day ? "day" : "second",
	       !day && *text(door, "why") ? ": " : "", day ? "" : text(door, "why"));
	json_array_foreach(list, i, one)
	{
		AUTO_FREE char *path = json_get_bytes(one, "name");
		AUTO_BUF safe = { 0 };

		if (!day || say_safe(&safe, !path ? "a directory" : *path ? path : ".") < 0)
			continue;
		printf("  %-12s for a second below %s: %s\n", "", buf_str(&safe), text(one, "why"));
	}
}

/* after an upgrade: the keeper stays what it was */
static void print_versions(const json_t *m)
{
	const char *worker = text(m, "hrfs-version"), *keeper = text(m, "keeper_version");

	if (*worker && *keeper && strcmp(worker, keeper) != 0)
		printf("  %-12s worker %s, keeper %s\n", "versions", worker, keeper);
}

static void print_details(const json_t *m)
{
	const json_t *journal = json_object_get(m, "journal");

	if (strcmp(text(m, "state"), "serving") != 0)
		return;
	printf("  %-12s %s\n", "clock", text(m, "clock"));
	printf("  %-12s %s\n", "settled", text(m, "settled"));
	printf("  %-12s ", "socket");
	print_path(m, "socket");
	printf("\n  %-12s ", "log");
	print_path(m, "log");
	printf("\n  %-12s keeper %lld, worker %lld", "processes",
	       (long long)json_integer_value(json_object_get(m, "pid")),
	       (long long)json_integer_value(json_object_get(m, "worker_pid")));
	print_worker_age(m);
	print_versions(m);
	printf("  %-12s %s\n", "others",
	       json_is_true(json_object_get(m, "allow_other")) ? "may enter" : "cannot enter");
	print_outside(json_object_get(m, "sidedoor"));
	print_believed(json_object_get(m, "sidedoor"));
	if (*text(json_object_get(m, "git"), "helper"))
		printf("  %-12s %s\n", "git", text(json_object_get(m, "git"), "helper"));
	print_number("nodes", m, "nodes");
	print_number("changed", journal, "paths");
	print_number("clients", m, "connections");
}

/* ---- the command ---- */

static int all_mounts(struct overview *o)
{
	o->mounts = json_array();
	if (!o->mounts || client_each_mount(add_live, o) < 0)
		return CLI_FAILED;
	return mountinfo_each(add_other, o) < 0 ? CLI_FAILED : CLI_OK;
}

/* the one that the path or the working directory lies in, or NULL */
static const json_t *here(const struct overview *o, const char *path)
{
	AUTO_BUF error = { 0 };
	struct client_mount m = { 0 };
	const json_t *found = NULL;
	size_t i;
	json_t *one;

	if (client_find(path, &m, &error) == 0) {
		json_array_foreach(o->mounts, i, one)
		{
			AUTO_FREE char *at = json_get_bytes(one, "mountpoint");

			if (at && strcmp(at, m.mountpoint) == 0)
				found = one;
		}
	}
	client_mount_done(&m);
	return found;
}

static int report(const struct overview *o, const char *path, bool as_json)
{
	const json_t *mine = here(o, path);
	size_t i;
	json_t *one;

	if (path && !mine) {
		AUTO_BUF error = { 0 };
		struct client_mount m = { 0 };

		client_find(path, &m, &error);
		client_mount_done(&m);
		say_error("%s", error.len ? error.data : "no mount there");
		return CLI_NO_MOUNT;
	}
	if (as_json) {
		json_t *all = json_pack("{s:O,s:O?}", "mounts", o->mounts, "here", mine);

		say_json(all);
		json_decref(all);
		return CLI_OK;
	}
	if (!json_array_size(o->mounts))
		printf("no mounts; make one: hrfs mount SRC, or hrfs run in a project\n");
	json_array_foreach(o->mounts, i, one)
	{
		if (path && one != mine)
			continue;
		print_mount(one);
		if (one == mine)
			print_details(one);
	}
	return CLI_OK;
}

static int run_status(int argc, char **argv)
{
	bool as_json = false;
	const struct cli_option options[] = {
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "all of it; \"here\" is the mount that one stands in" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	struct overview o = { 0 };
	int r = cli_parse(&cmd_status, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	r = all_mounts(&o);
	if (r == CLI_OK)
		r = report(&o, args.words.count ? args.words.items[0] : NULL, as_json);
	else
		say_error("/proc/self/mountinfo cannot be read");
	json_decref(o.mounts);
	return r;
}

const struct cli_command cmd_status = {
	.name = "status",
	.summary = "list mounts and services, with details of the one you stand in",
	.usage = "[--json] [PATH]",
	.help = "Lists every mount of yours with its services (root sees everybody's), dead ones\n"
		"too, and details of the one that the working directory lies in. With PATH only the\n"
		"one that PATH lies in. It never hangs, even where a mount does.\n"
		"\n"
		"  hrfs status\n"
		"  hrfs status --json | jq -r '.here.services[] | \"\\(.name) \\(.state)\"'\n"
		"\n"
		"Exit status: 0; 3 PATH lies in no mount.\n",
	.run = run_status,
};
