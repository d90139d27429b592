#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/exclude.h"
#include "cli/probe.h"
#include "cli/say.h"
#include "cli/unmount.h"
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/insiders.h"
#include "core/resolve.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MS 2000 /* a daemon that does not say its clock in that time is not waited for */
#define HUNG_MS 500    /* the same when the mount has given no answer already */
#define SETTLE_MS 5000
#define STOP_MS 30000 /* services may have a long grace */
#define END_MS 30000
#define SOON_MS 500 /* after which it is looked for what keeps the daemon */
#define LISTED_MAX 20

struct target {
	struct mountinfo_entry entry;
	struct client_mount mount; /* of a live one; socket NULL: it is dead, or not to be asked */
	bool dead, hangs;
};

static void target_done(struct target *t)
{
	mountinfo_entry_done(&t->entry);
	client_mount_done(&t->mount);
}

/* ---- which mount ---- */

static int find_entry(const char *path, struct mountinfo_entry *e)
{
	AUTO_BUF cwd = { 0 };
	AUTO_BUF absolute = { 0 };
	AUTO_BUF real = { 0 };
	int r = resolve_cwd(&cwd);

	if (r == 0)
		r = path_absolute(&absolute, buf_str(&cwd), path ? path : "");
	if (r == 0)
		r = mountinfo_of_path(absolute.data, e);
	if (r < 0 || strncmp(e->type, "fuse", 4) == 0)
		return r;
	mountinfo_entry_done(e);
	r = resolve_links(&real, absolute.data);
	return r < 0 ? r : mountinfo_of_path(real.data, e);
}

/* The mount's own directory must be named, or its source: a path inside could be a slip. */
static bool is_named(const struct target *t, const char *path)
{
	AUTO_BUF cwd = { 0 };
	AUTO_BUF absolute = { 0 };
	AUTO_BUF real = { 0 };

	if (!path || resolve_cwd(&cwd) < 0 || path_absolute(&absolute, buf_str(&cwd), path) < 0 ||
	    resolve_links(&real, absolute.data) < 0)
		return !path;
	if (strcmp(absolute.data, t->entry.mountpoint) == 0 || strcmp(real.data, t->entry.mountpoint) == 0)
		return true;
	return t->mount.source && strcmp(real.data, t->mount.source) == 0;
}

static int find_target(const char *path, struct target *t)
{
	AUTO_BUF error = { 0 };
	int r = client_find(path, &t->mount, &error);
	int found;

	if (r == 0)
		found = mountinfo_topmost(t->mount.mountpoint, &t->entry);
	else
		found = find_entry(path, &t->entry);
	if (r == 0 && found == -ENOENT) {
		say_error("%s is no longer mounted", t->mount.mountpoint);
		return CLI_NO_MOUNT;
	}
	if (found < 0 || (r < 0 && strcmp(t->entry.type, "fuse.hrfs") != 0)) {
		say_error("%s", error.len ? error.data : strerror(-(r < 0 ? r : found)));
		return r == -ENOTUNIQ ? CLI_FAILED : CLI_NO_MOUNT;
	}
	r = probe(t->entry.mountpoint);
	t->dead = r == -ENOTCONN;
	t->hangs = r == -ETIMEDOUT;
	if (is_named(t, path))
		return CLI_OK;
	say_error("%s lies in the mount %s; say that: hrfs umount %s", path, t->entry.mountpoint, t->entry.mountpoint);
	return CLI_FAILED;
}

/* ---- who is inside ---- */

struct inside {
	struct buf text;
	size_t count;
	bool services_too;
};

/* what hrfs has started itself, it ends itself */
static bool is_ours(pid_t pid)
{
	return insider_is_below(pid, "hrfs-supervisor") || insider_is_below(pid, "hrfs-job") ||
	       insider_is_below(pid, "hrfs-fs") || insider_is_below(pid, "hrfs-git");
}

static int add_inside(const struct insider *i, void *arg)
{
	struct inside *in = arg;

	if (!in->services_too && is_ours(i->pid))
		return 0;
	if (in->count++ >= LISTED_MAX)
		return 0;
	buf_puts(&in->text, "  ");
	insider_text(i, &in->text);
	buf_puts(&in->text, i->pid == getppid() ? " (this shell: leave it by 'cd /')\n" : "\n");
	return 0;
}

/* CLI_OK: nobody, else it has been said who */
static int refuse_if_inside(const struct target *t, bool maps, bool services_too)
{
	struct inside in = { .services_too = services_too };

	insiders_of_mount(t->entry.dev, maps, add_inside, &in);
	if (in.count) {
		say_error("%s is in use; end these, or detach it and let them go on: hrfs umount --lazy %s",
			  t->entry.mountpoint, t->entry.mountpoint);
		fputs(buf_str(&in.text), stderr);
		if (in.count > LISTED_MAX)
			fprintf(stderr, "  and %zu more\n", in.count - LISTED_MAX);
	}
	buf_done(&in.text);
	return in.count ? CLI_FAILED : CLI_OK;
}

static int still_busy(const struct target *t)
{
	if (refuse_if_inside(t, true, true) != CLI_OK)
		return CLI_FAILED;
	say_error(
		"%s is in use by processes that you may not look into, or by a mount inside it; sudo hrfs umount %s names them, hrfs umount --lazy %s detaches it",
		t->entry.mountpoint, t->entry.mountpoint, t->entry.mountpoint);
	return CLI_FAILED;
}

/* ---- taking it away ---- */

/* Everything that was written is published, and the services end, while there is still a mount to ask. */
static void prepare(const struct target *t)
{
	struct ask a = { .mount = t->mount };
	AUTO_BUF error = { 0 };
	json_t *answer;

	if (!t->mount.socket || client_connect(t->mount.socket, &a.client, &error) < 0)
		return;
	if (client_call(a.client, ask_request(&a, "clock", NULL), t->hangs ? HUNG_MS : ANSWER_MS, &answer) < 0)
		goto end;
	json_decref(answer);
	if (ask_call_supervisor(&a, ask_request(&a, "hrfs-stop", NULL), STOP_MS, &answer) == CLI_OK)
		json_decref(answer);
	if (client_call(a.client, ask_request(&a, "hrfs-settle", json_pack("{s:i}", "timeout_ms", SETTLE_MS)),
			SETTLE_MS, &answer) == 0)
		json_decref(answer);
end:
	client_free(a.client);
}

static int add_copy(const struct insider *i, void *arg)
{
	struct inside *in = arg;

	if (in->count++ >= LISTED_MAX)
		return 0;
	buf_puts(&in->text, "  ");
	if (i->pid)
		insider_text(i, &in->text);
	else
		buf_printf(&in->text, "here too, at %s", i->path);
	return buf_puts(&in->text, "\n");
}

/* Nobody need wait for containers and other mount namespaces: they may go on for days. */
static bool say_copies(const struct target *t)
{
	struct inside in = { 0 };

	insiders_of_copies(t->entry.dev, add_copy, &in);
	if (in.count) {
		say_note("%s is unmounted, but its daemon (pid %d) goes on for others that have the mount:",
			 t->entry.mountpoint, t->mount.keeper_pid);
		fputs(buf_str(&in.text), stderr);
		if (in.count > LISTED_MAX)
			fprintf(stderr, "  and %zu more\n", in.count - LISTED_MAX);
	}
	buf_done(&in.text);
	return in.count;
}

static int wait_for_end(const struct target *t, bool lazy)
{
	if (unmount_wait(t->mount.keeper_pid, lazy ? 0 : SOON_MS) == 0)
		return CLI_OK;
	if (lazy) {
		say_note("%s is detached; its daemon (pid %d) serves whoever is still inside until the last one leaves",
			 t->entry.mountpoint, t->mount.keeper_pid);
		return CLI_OK;
	}
	if (say_copies(t))
		return CLI_TIMEOUT;
	if (unmount_wait(t->mount.keeper_pid, END_MS) == 0)
		return CLI_OK;
	say_error(
		"%s is unmounted, but its daemon (pid %d) goes on: who was inside has not left; see %s",
		t->entry.mountpoint, t->mount.keeper_pid, t->mount.log);
	return CLI_TIMEOUT;
}

/* A run whose services end may take its mount away just before we do. */
static bool is_gone(const struct target *t)
{
	struct mountinfo_entry now = { 0 };
	int r = mountinfo_topmost(t->entry.mountpoint, &now);
	bool gone = r == -ENOENT || (r == 0 && (now.id != t->entry.id || now.dev != t->entry.dev));

	mountinfo_entry_done(&now);
	return gone;
}

static int take_away(const struct target *t, bool lazy)
{
	AUTO_BUF error = { 0 };
	int r;

	lazy = lazy || t->dead;
	if (!lazy && refuse_if_inside(t, false, false) != CLI_OK)
		return CLI_FAILED;
	if (!t->dead)
		prepare(t);
	r = unmount(t->entry.mountpoint, lazy, &error);
	if (r < 0 && is_gone(t))
		r = 0;
	if (r == 0 && t->dead)
		exclude_leave_dead(t->entry.dev, t->entry.mountpoint);
	if (r == 0)
		return t->dead ? CLI_OK : wait_for_end(t, lazy);
	if (r == -EBUSY)
		return still_busy(t);
	say_error("%s", buf_str(&error));
	return CLI_FAILED;
}

static int run_umount(int argc, char **argv)
{
	bool lazy = false;
	const struct cli_option options[] = {
		{ "lazy", 'z', CLI_FLAG, &lazy, NULL, "detach it now; who is inside is served until he leaves" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_DONE(target) struct target t = { 0 };
	int r = cli_parse(&cmd_umount, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	r = find_target(args.words.count ? args.words.items[0] : NULL, &t);
	if (r != CLI_OK)
		return r;
	/* whoever runs this from inside should not be inside himself */
	if (chdir("/"))
		say_note("cannot leave the working directory");
	return take_away(&t, lazy);
}

const struct cli_command cmd_umount = {
	.name = "umount",
	.summary = "take a mount away",
	.usage = "[--lazy] [MNT]",
	.help = "Ends the services, and unmounts MNT (default: the mount that the working directory\n"
		"lies in; its source may be named too). When it comes back, all changes have been\n"
		"published and the daemon is gone. While something is inside, it names the processes\n"
		"and refuses. A dead mount is taken away too.\n"
		"\n"
		"  hrfs umount ~/src/app\n"
		"  hrfs umount --lazy ~/mnt    detach; shells and editors inside see no error\n"
		"\n"
		"Exit status: 0 unmounted; 1 refused or failed; 3 no mount there; 4 unmounted, but the\n"
		"daemon goes on, for a container or another mount namespace that has the mount too.\n",
	.run = run_umount,
};
