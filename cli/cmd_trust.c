#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/diff.h"
#include "cli/project.h"
#include "cli/say.h"
#include "cli/services.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/config.h"
#include "core/resolve.h"
#include "core/trust.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct tree {
	char *file; /* absolute: the source's hrfs.yaml */
	struct buf content;
	struct config *config;
	struct client_mount mount; /* of it; socket NULL: it is not mounted */
};

static void tree_done(struct tree *t)
{
	free(t->file);
	buf_done(&t->content);
	config_free(t->config);
	client_mount_done(&t->mount);
}

/* ---- finding and reading ---- */

/* The source's directory: of the mount that the path lies in, else the path, else where hrfs.yaml is above. */
static int find_source(const char *path, struct tree *t, struct buf *source)
{
	AUTO_BUF error = { 0 };
	AUTO_BUF cwd = { 0 };
	AUTO_FREE char *real = NULL;
	int r = client_find(path, &t->mount, &error);

	if (r == 0)
		return buf_puts(source, t->mount.source);
	if (path) {
		real = realpath(path, NULL);
		return real ? buf_puts(source, real) : -errno;
	}
	r = resolve_cwd(&cwd);
	if (r == 0 && project_find_up(buf_str(&cwd), CONFIG_FILE_NAME, source) == 0)
		return 0;
	return r < 0 ? r : buf_puts(source, buf_str(&cwd));
}

static int open_tree(const char *path, struct tree *t)
{
	AUTO_BUF source = { 0 };
	AUTO_BUF file = { 0 };
	AUTO_BUF error = { 0 };
	int r = find_source(path, t, &source);

	if (r == 0)
		r = path_join(&file, buf_str(&source), CONFIG_FILE_NAME);
	if (r < 0) {
		say_error("%s: %s", path ? path : ".", strerror(-r));
		return CLI_FAILED;
	}
	r = file_read_path(file.data, CONFIG_MAX_BYTES, &t->content);
	if (r < 0) {
		say_error("%s: %s", file.data, r == -ENOENT ? "there is no such file: nothing to trust" : strerror(-r));
		return CLI_FAILED;
	}
	r = config_parse(file.data, buf_str(&t->content), t->content.len, &t->config, &error);
	if (r < 0) {
		say_error("%s", error.len ? error.data : strerror(-r));
		return CLI_FAILED;
	}
	t->file = buf_take(&file);
	return CLI_OK;
}

/* ---- showing ---- */

static void show_command(const char *key, const struct config_command *c)
{
	AUTO_BUF safe = { 0 };

	if (c->line && say_safe(&safe, c->line) == 0)
		printf("    %-7s %s\n", key, buf_str(&safe));
}

static void show_services(const struct tree *t)
{
	printf("%s would start:\n", t->file);
	for (size_t i = 0; i < t->config->count; i++) {
		const struct config_service *s = &t->config->services[i];

		printf("  %s%s%s\n", say_style(SAY_BOLD), s->name, say_style(SAY_PLAIN));
		show_command("build:", &s->build);
		show_command("run:", &s->run);
		show_command("check:", &s->check);
		show_command("clean:", &s->clean);
		if (s->reload.kind == CONFIG_RELOAD_EXEC)
			show_command("reload:", &s->reload.exec);
		for (size_t e = 0; e < s->env.count; e++)
			show_command("env:", &(struct config_command){ .line = s->env.items[e] });
	}
	if (!t->config->count)
		printf("  nothing\n");
}

static void show_line(const char *line, size_t len)
{
	AUTO_FREE char *copy = strndup(line, len);
	AUTO_BUF safe = { 0 };
	enum say_style style = *line == '+' ? SAY_GREEN : *line == '-' ? SAY_RED : SAY_PLAIN;

	if (copy && say_safe(&safe, copy) == 0)
		printf("%s%s%s\n", say_style(style), buf_str(&safe), say_style(SAY_PLAIN));
}

/* A changed file is shown by what has changed, so that nobody agrees to the same text twice without looking. */
static void show_difference(const struct tree *t, const struct buf *agreed)
{
	AUTO_BUF diff = { 0 };

	if (diff_unified(buf_str(agreed), buf_str(&t->content), &diff) < 0)
		return;
	printf("--- %s as you have agreed to it\n+++ %s as it is now\n", t->file, t->file);
	for (const char *p = buf_str(&diff); *p;) {
		size_t len = strcspn(p, "\n");

		show_line(p, len);
		p += len + (p[len] == '\n');
	}
}

/* ---- deciding ---- */

/* 1: yes, 0: no, -1: there is nobody to ask */
static int ask_user(void)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return -1;
	printf("Let hrfs start this from now on? [y/N] ");
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		return 0;
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int agree(const struct tree *t, bool yes)
{
	int said = yes ? 1 : ask_user();
	int r;

	if (said < 0)
		say_error("nothing is changed: there is no terminal to ask on; to agree: hrfs trust --yes %.*s",
			  (int)(path_base(t->file) - t->file - 1), t->file);
	if (said <= 0)
		return CLI_FAILED;
	r = trust_give(t->file, buf_str(&t->content), t->content.len);
	if (r < 0) {
		say_error("the agreement cannot be stored: %s%s", strerror(-r),
			  r == -ENOENT	? " (HOME is not set)"
			  : r == -EPERM ? " (~/.local/state/hrfs/trust must be yours, and writable for you alone)"
					: "");
		return CLI_FAILED;
	}
	return CLI_OK;
}

static void say_started(const json_t *answer)
{
	AUTO_BUF names = { 0 };

	services_names(answer, &names);
	if (names.len)
		printf("started: %s\n", names.data);
}

/* CLI_NO_MOUNT: no supervisor is there */
static int ask_supervisor(struct ask *a)
{
	json_t *answer;
	size_t waiting;
	int r = ask_call_supervisor(a, ask_request(a, "hrfs-services", NULL), ASK_TIMEOUT_MS, &answer);

	if (r != CLI_OK)
		return r;
	waiting = json_array_size(json_object_get(answer, "not_started"));
	json_decref(answer);
	if (!waiting)
		return CLI_OK; /* all of them run: nothing is restarted for an agreement */
	r = ask_call(a, ask_request(a, "hrfs-reload", json_object()), ASK_TIMEOUT_MS, &answer);
	if (r == CLI_OK) {
		say_started(answer);
		json_decref(answer);
	}
	return r;
}

/* One source may be mounted in several places, and each may have a supervisor that waits. */
struct telling {
	const struct tree *tree;
	bool heard; /* by at least one */
	int worst;
};

static int tell(const struct client_mount *m, void *arg)
{
	struct telling *t = arg;
	struct ask a = { .mount = *m };
	AUTO_BUF error = { 0 };
	AUTO_BUF file = { 0 };
	int r;

	if (path_join(&file, m->source, CONFIG_FILE_NAME) < 0 || strcmp(file.data, t->tree->file) != 0)
		return 0;
	if (client_connect(m->socket, &a.client, &error) < 0)
		return 0; /* another user's, or it has just ended */
	r = ask_supervisor(&a);
	client_free(a.client);
	if (r == CLI_NO_MOUNT)
		return 0;
	t->heard = true;
	t->worst = t->worst == CLI_OK ? r : t->worst;
	return 0;
}

/* What could not be started before is started now: by the supervisors that wait for it, else by a new one. */
static int start(const struct tree *t)
{
	struct launch_mount m = { t->mount.socket, t->mount.mountpoint, t->mount.source, NULL };
	struct telling all = { .tree = t, .worst = CLI_OK };
	json_t *answer;
	int r;

	if (client_each_mount(tell, &all) < 0 || all.heard)
		return all.worst;
	if (!t->mount.socket) {
		printf("trusted as it is now; 'hrfs mount' starts it\n");
		return CLI_OK;
	}
	r = services_start(&m, NULL, &answer);
	if (r == CLI_OK) {
		say_started(answer);
		json_decref(answer);
	}
	return r;
}

static int forget(const struct tree *t)
{
	int r = trust_take_back(t->file);

	if (r < 0 && r != -ENOENT) {
		say_error("%s: %s", t->file, strerror(-r));
		return CLI_FAILED;
	}
	printf("%s %s\n", t->file, r == 0 ? "is trusted no more" : "was not trusted");
	return CLI_OK;
}

static int decide(const struct tree *t, bool yes)
{
	AUTO_BUF agreed = { 0 };
	int known = trust_check(t->file, buf_str(&t->content), t->content.len, &agreed);
	int r;

	if (known < 0) {
		say_error("%s: what was agreed to cannot be read: %s", t->file, strerror(-known));
		return CLI_FAILED;
	}
	if (known == TRUST_CHANGED)
		show_difference(t, &agreed);
	show_services(t);
	if (known == TRUST_GIVEN) {
		printf("you have agreed to that already\n");
		return start(t);
	}
	r = agree(t, yes);
	return r == CLI_OK ? start(t) : r;
}

static int run_trust(int argc, char **argv)
{
	bool yes = false, forgetting = false;
	const struct cli_option options[] = {
		{ "yes", 'y', CLI_FLAG, &yes, NULL, "agree without being asked" },
		{ "forget", 0, CLI_FLAG, &forgetting, NULL, "take the agreement back" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	AUTO_DONE(tree) struct tree t = { 0 };
	int r = cli_parse(&cmd_trust, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	r = open_tree(args.words.count ? args.words.items[0] : NULL, &t);
	if (r != CLI_OK)
		return r;
	return forgetting ? forget(&t) : decide(&t, yes);
}

const struct cli_command cmd_trust = {
	.name = "trust",
	.summary = "let hrfs mount start what this tree's hrfs.yaml says",
	.usage = "[--yes | --forget] [SRC]",
	.help = "Shows the commands that the hrfs.yaml of SRC (default: of the tree one stands in)\n"
		"would start, asks, and remembers the answer for this path and this content. When\n"
		"the file has changed since, the difference is shown and asked again. Services of a\n"
		"mount that waits for it are started. `hrfs run` needs no trust: typing it is consent.\n"
		"\n"
		"  hrfs trust ~/src/app\n"
		"  hrfs trust --forget\n"
		"\n"
		"Exit status: 0 trusted; 1 not.\n",
	.run = run_trust,
};
