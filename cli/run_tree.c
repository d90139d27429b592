#include "cli/run_tree.h"
#include "cli/cli.h"
#include "cli/derived.h"
#include "cli/launch.h"
#include "cli/project.h"
#include "cli/say.h"
#include "cli/services.h"
#include "core/base/path.h"
#include "core/config.h"
#include "core/resolve.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

void run_request_done(struct run_request *q)
{
	strv_done(&q->options);
	strv_done(&q->watch);
	strv_done(&q->ignore);
	strv_done(&q->services);
}

void run_tree_done(struct run_tree *t)
{
	buf_done(&t->cwd);
	buf_done(&t->root);
	client_mount_done(&t->existing);
}

/* ---- which tree ---- */

/* for the supervisor, which becomes this process: a file without a name */
static int keep_text(const struct buf *text)
{
	AUTO_FD fd = memfd_create("hrfs-config", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len || lseek(fd, 0, SEEK_SET))
		return -1;
	return take_fd(&fd);
}

static void show(const char *text)
{
	AUTO_BUF safe = { 0 };

	say_note("there is no " CONFIG_FILE_NAME
		 " here; this is derived from what there is, and 'hrfs init' writes it down:");
	while (*text) {
		size_t len = strcspn(text, "\n");
		AUTO_FREE char *line = strndup(text, len);

		buf_truncate(&safe, 0);
		if (line && say_safe(&safe, line) == 0)
			fprintf(stderr, "  %s\n", buf_str(&safe));
		text += len + (text[len] == '\n');
	}
}

/* from the tree's root: a path is named from where one stands */
static int relative(const struct run_tree *t, const char *path, struct buf *out)
{
	AUTO_BUF absolute = { 0 };
	const char *root = t->root.data;
	int r = path_absolute(&absolute, t->cwd.data, path);

	if (r < 0)
		return r;
	if (strcmp(absolute.data, root) == 0)
		return buf_puts(out, "");
	if (!path_is_below(absolute.data, root))
		return -EXDEV;
	return buf_puts(out, absolute.data + strlen(root) + (root[1] ? 1 : 0));
}

/* Typing `hrfs run` here is consent to what the tree says, as `npm start` and `make run` are; it is shown before it is started. */
static int derive_services(struct run_tree *t)
{
	AUTO_DONE(derived) struct derived d = { 0 };
	AUTO_BUF text = { 0 };
	AUTO_BUF at = { 0 };
	int r;

	if (relative(t, t->cwd.data, &at) < 0) /* --source elsewhere: its root */
		buf_truncate(&at, 0);
	r = derived_find("run", t->root.data, buf_str(&at), NULL, &d);
	if (r == CLI_OK)
		r = derived_text(&d, &text);
	if (r != CLI_OK)
		return r;
	show(text.data);
	derive_prepare(&d, t->root.data, false); /* where it can't be, the build will say so */
	t->config = keep_text(&text);
	if (t->config >= 0)
		return CLI_OK;
	say_error("what was derived cannot be kept: %s", strerror(errno));
	return CLI_FAILED;
}

/* The directory with hrfs.yaml, going up; without one, where one stands. */
static int find_root(const struct run_request *q, struct run_tree *t)
{
	AUTO_FREE char *real = NULL;
	int r = resolve_cwd(&t->cwd);

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
		if (buf_puts(&t->root, real) < 0)
			return CLI_FAILED;
	} else if (project_find_up(t->cwd.data, CONFIG_FILE_NAME, &t->root) < 0 &&
		   buf_puts(&t->root, t->cwd.data) < 0) {
		return CLI_FAILED;
	}
	return CLI_OK;
}

/* A mount that one stands in is used, unless the configuration is another directory's. */
static void find_existing(const struct run_request *q, struct run_tree *t)
{
	AUTO_BUF error = { 0 };
	struct client_mount m = { 0 };
	const char *root = t->root.data;
	bool covers;

	if (q->at || client_find(root, &m, &error) < 0)
		return;
	covers = strcmp(root, m.mountpoint) == 0;
	/* without a configuration the whole mount is the tree, wherever in it one stands */
	if (!covers && !q->source && path_is_below(root, m.mountpoint)) {
		AUTO_BUF found = { 0 };

		covers = project_find_up(root, CONFIG_FILE_NAME, &found) < 0;
		if (covers) {
			buf_truncate(&t->root, 0);
			buf_puts(&t->root, m.mountpoint);
		}
	}
	if (covers) {
		t->existing = m;
		return;
	}
	client_mount_done(&m);
}

int run_tree_find(struct run_tree *t, const struct run_request *q)
{
	int r;

	t->config = -1;
	r = find_root(q, t);
	if (r != CLI_OK)
		return r;
	find_existing(q, t);
	return q->command || services_configured(t->root.data) ? CLI_OK : derive_services(t);
}

/* ---- the supervisor's words ---- */

/*
 * "src" and "web/static" are directories seen from where one stands: a slash in front ties them to the
 * tree's root, or any directory of that name would do. "*.css" means one anywhere.
 */
static int pattern_of(const struct run_tree *t, const char *word, struct buf *out)
{
	int r;

	if (!strchr(word, '/') && strpbrk(word, "*?["))
		return buf_puts(out, word);
	r = buf_putc(out, '/');
	return r < 0 ? r : relative(t, word, out);
}

/* "src,web/static", as other tools spell it: a pattern for each */
static int add_list(const struct run_tree *t, const char *list, const char *option, struct strv *argv)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		AUTO_FREE char *word = strndup(list, len);
		AUTO_BUF pattern = { 0 };
		int r = word && len ? pattern_of(t, word, &pattern) : 0;

		if (r == -EXDEV) {
			say_error("run: %s: %s is not in %s", option, word, t->root.data);
			return CLI_USAGE;
		}
		if (r == 0 && pattern.len > 1) /* the root itself: everything, which is the default */
			r = launch_add_pair(argv, option, pattern.data);
		if (r != 0)
			return CLI_FAILED;
		list += len + (list[len] == ',');
	}
	return CLI_OK;
}

static int add_patterns(const struct run_tree *t, const struct strv *lists, const char *option, struct strv *argv)
{
	int r = CLI_OK;

	for (size_t i = 0; r == CLI_OK && i < lists->count; i++)
		r = add_list(t, lists->items[i], option, argv);
	return r;
}

static int add_flag(struct strv *argv, const char *flag, bool wanted)
{
	return wanted ? strv_add(argv, flag) : 0;
}

static int add_trace(const struct run_request *q, struct strv *argv)
{
	char number[16];
	int r = strv_add(argv, "--trace");

	if (r == 0)
		r = add_flag(argv, "--json", q->json);
	if (r < 0 || q->report < 0)
		return r;
	fcntl(q->report, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", q->report);
	return launch_add_pair(argv, "--report", number);
}

/* 0 or -ENOMEM */
static int add_options(const struct run_tree *t, const struct run_request *q, struct strv *argv)
{
	AUTO_BUF cwd = { 0 };
	int r = relative(t, t->cwd.data, &cwd);

	if (r == -EXDEV) /* --source elsewhere: its root */
		r = buf_puts(&cwd, "");
	if (r == 0 && q->command && cwd.len)
		r = launch_add_pair(argv, "--cwd", cwd.data);
	for (size_t i = 0; r == 0 && i < q->services.count; i++)
		r = launch_add_pair(argv, "--service", q->services.items[i]);
	if (r == 0 && q->name)
		r = launch_add_pair(argv, "--name", q->name);
	if (r == 0)
		r = add_flag(argv, "--keys", q->keys);
	if (r == 0)
		r = add_flag(argv, "--markers", q->markers);
	if (r == 0)
		r = add_flag(argv, "--blind", q->blind);
	if (r == 0 && q->trace)
		r = add_trace(q, argv);
	return r < 0 ? r : add_flag(argv, "--consent", true);
}

int run_tree_words(const struct run_tree *t, const struct run_request *q, struct strv *argv)
{
	int r = add_options(t, q, argv) < 0 ? CLI_FAILED : CLI_OK;

	if (r == CLI_OK)
		r = add_patterns(t, &q->watch, "--watch", argv);
	return r == CLI_OK ? add_patterns(t, &q->ignore, "--ignore", argv) : r;
}
