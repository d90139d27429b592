#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/say.h"
#include "core/base/exe.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 20
#define END_MS 120000 /* the mount's keeper has limits of its own, which are shorter */

/* ---- which programs ---- */

static int find_own(struct buf *worker, struct buf *git)
{
	if (exe_find("hrfs-fs", worker) == 0 && exe_find("hrfs-git", git) == 0)
		return CLI_OK;
	say_error("%s is not where it should be; is hrfs installed whole?", buf_str(git->len ? git : worker));
	return CLI_FAILED;
}

/* the hrfs-fs that is named, and the hrfs-git that belongs to it */
static int find_named(const char *path, struct buf *worker, struct buf *git)
{
	char real[PATH_MAX];

	if (!realpath(path, real)) {
		say_error("%s: %s", path, strerror(errno));
		return CLI_FAILED;
	}
	if (exe_find_beside(real, "hrfs-git", git) < 0) {
		say_error("%s: there is no hrfs-git that belongs to it (%s)", path, buf_str(git));
		return CLI_FAILED;
	}
	return buf_puts(worker, real) < 0 ? CLI_FAILED : CLI_OK;
}

/* ---- how it goes ---- */

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* The worker that was asked is stopped, and its connections with it: the next one takes new ones. */
static int connect_again(struct ask *a)
{
	if (ask_again(a) == 0)
		return CLI_OK;
	say_error("%s: the mount has ended", a->mount.mountpoint);
	return CLI_NO_MOUNT;
}

/* CLI_OK: *status is the caller's, or NULL when nobody answers just now */
static int look(struct ask *a, json_t **status)
{
	int r = client_call(a->client, ask_request(a, "hrfs-status", NULL), END_MS, status);

	if (r == 0)
		return CLI_OK;
	*status = NULL;
	if (r == -EPIPE || r == -ECONNRESET)
		return connect_again(a);
	return ask_failed(a, r);
}

static bool is_over(const json_t *upgrade, json_int_t id)
{
	const char *state = text(upgrade, "state");

	if (json_integer_value(json_object_get(upgrade, "id")) != id)
		return true; /* somebody else's, after ours */
	return strcmp(state, "asked") != 0 && strcmp(state, "under way") != 0;
}

static int wait_for_end(struct ask *a, json_int_t id, json_t **status)
{
	const struct timespec moment = { 0, LOOK_MS * 1000000L };

	for (int ms = 0; ms < END_MS; ms += LOOK_MS) {
		int r = look(a, status);

		if (r != CLI_OK || (*status && is_over(json_object_get(*status, "upgrade"), id)))
			return r;
		json_decref(*status);
		nanosleep(&moment, NULL);
	}
	say_error("%s: the upgrade has not come to an end; 'hrfs log --daemon' may say why", a->mount.mountpoint);
	return CLI_TIMEOUT;
}

static int report(const struct ask *a, const json_t *status, json_int_t id, const char *before, bool as_json)
{
	const json_t *upgrade = json_object_get(status, "upgrade");
	const char *state = text(upgrade, "state");
	AUTO_BUF why = { 0 };

	if (json_integer_value(json_object_get(upgrade, "id")) != id) {
		say_error("%s: somebody has asked for another upgrade since; 'hrfs log --daemon' tells of both",
			  a->mount.mountpoint);
		return CLI_FAILED;
	}
	if (as_json)
		say_json(upgrade);
	if (strcmp(state, "done") == 0) {
		if (!as_json)
			printf("%s: hrfs %s serves now (before: %s)\n", a->mount.mountpoint,
			       text(status, "hrfs-version"), before);
		return CLI_OK;
	}
	say_safe(&why, text(upgrade, "error"));
	if (strcmp(state, "refused") == 0)
		say_error("%s: nothing was changed: %s", a->mount.mountpoint, buf_str(&why));
	else
		say_error("%s: hrfs %s goes on: %s", a->mount.mountpoint, text(status, "hrfs-version"), buf_str(&why));
	return CLI_FAILED;
}

/* ---- the command ---- */

static int ask(struct ask *a, const char *worker, const char *git, json_int_t *id)
{
	json_t *options = json_object();
	json_t *answer;
	int r;

	json_set_bytes(options, "program", worker);
	json_set_bytes(options, "git", git);
	r = ask_call(a, ask_request(a, "hrfs-upgrade", options), ASK_TIMEOUT_MS, &answer);
	if (r != CLI_OK)
		return r;
	*id = json_integer_value(json_object_get(answer, "id"));
	json_decref(answer);
	return CLI_OK;
}

static int upgrade(struct ask *a, const char *worker, const char *git, bool as_json)
{
	json_t *before = NULL, *after = NULL;
	json_int_t id;
	int r = ask_call(a, ask_request(a, "hrfs-status", NULL), ASK_TIMEOUT_MS, &before);

	if (r == CLI_OK)
		r = ask(a, worker, git, &id);
	if (r == CLI_OK)
		r = wait_for_end(a, id, &after);
	if (r == CLI_OK)
		r = report(a, after, id, text(before, "hrfs-version"), as_json);
	json_decref(before);
	json_decref(after);
	return r;
}

static int run_upgrade(int argc, char **argv)
{
	bool as_json = false;
	const char *with = NULL;
	const struct cli_option options[] = {
		{ "with", 'w', CLI_TEXT, &with, "PROGRAM",
		  "this hrfs-fs instead of the one that belongs to this hrfs" },
		{ "json", 'j', CLI_FLAG, &as_json, NULL, "how it ended" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_BUF worker = { 0 };
	AUTO_BUF git = { 0 };
	AUTO_ASK a = { 0 };
	int r = cli_parse(&cmd_upgrade, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	r = with ? find_named(with, &worker, &git) : find_own(&worker, &git);
	if (r == CLI_OK)
		r = ask_open(&a, args.words.count ? args.words.items[0] : NULL);
	return r == CLI_OK ? upgrade(&a, worker.data, git.data, as_json) : r;
}

const struct cli_command cmd_upgrade = {
	.name = "upgrade",
	.summary = "let another hrfs take over a mount that is in use",
	.usage = "[--with PROGRAM] [--json] [MNT]",
	.help = "After a new hrfs has been installed: its hrfs-fs and hrfs-git take over MNT (default: the\n"
		"mount that the working directory lies in). Who works in it sees a pause of\n"
		"milliseconds and no error; open files, clocks and services go on. The new program says\n"
		"first whether it can go on with what the one before has in memory; when it cannot,\n"
		"or cannot be started, nothing is changed. Back to an older one is the same: --with.\n"
		"\n"
		"  hrfs upgrade                                       all that was installed anew\n"
		"  hrfs upgrade --with /opt/hrfs-1/libexec/hrfs/hrfs-fs\n"
		"\n"
		"Exit status: 0 it serves; 1 refused or failed, and the one before goes on; 3 no mount\n"
		"there; 4 it has not come to an end.\n",
	.run = run_upgrade,
};
