#include "fs/git/forest.h"
#include "core/base/path.h"
#include "fs/git/program.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MODULES_MAX_DEPTH 8

int forest_init(struct forest *f, const char *root)
{
	size_t len = strlen(root);

	*f = (struct forest){ 0 };
	while (len > 1 && root[len - 1] == '/')
		len--;
	f->path = strndup(root, len);
	f->root = strndup(root, len);
	return f->path && f->root ? 0 : -ENOMEM;
}

void forest_forget(struct forest *f)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&f->nested, e)))
		repository_free(e->value);
	map_done(&f->nested);
	map_done(&f->plain);
	repository_free(f->top);
	f->top = NULL;
	f->looked = false;
	buf_truncate(&f->why, 0);
}

void forest_done(struct forest *f)
{
	forest_forget(f);
	free(f->prefix);
	strv_done(&f->met);
	buf_done(&f->why);
	free(f->path);
	free(f->root);
}

/* ---- the repository that the tree lies in ---- */

/* Where the root is in the work tree; NULL: not in it. "" or a path that ends with '/', malloc'ed */
static char *prefix_of(const char *root, const char *workdir)
{
	AUTO_BUF prefix = { 0 };
	const char *rest;

	if (strcmp(root, workdir) == 0)
		return strdup("");
	if (!path_is_below(root, workdir))
		return NULL;
	rest = root + strlen(workdir);
	rest += strspn(rest, "/");
	return buf_printf(&prefix, "%s/", rest) < 0 ? NULL : buf_take(&prefix);
}

/*
 * A tree that the repository around it ignores as a whole ($HOME under git, with "*" ignored) is not a
 * part of it: else no change in it would ever count.
 */
static bool is_ignored_whole(struct repository *r, const char *prefix)
{
	AUTO_BUF clear = { 0 };
	char verdict = 1;

	if (!*prefix || !repository_may_ignore(r, prefix, &clear))
		return false;
	return program_check_ignore(r->workdir, &prefix, 1, &verdict) == -ENOENT || verdict;
}

/* libgit2 speaks of real paths. Where it leads nowhere, it is said of where it led. */
static void find_root(struct forest *f)
{
	char *real = realpath(f->path, NULL);

	if (!real)
		return;
	free(f->root);
	f->root = real;
}

void forest_look(struct forest *f)
{
	AUTO_FREE char *prefix = NULL;
	struct repository *r = NULL;

	if (f->looked)
		return;
	f->looked = true;
	find_root(f);
	free(f->prefix);
	f->prefix = NULL;
	if (access(f->root, R_OK | X_OK))
		buf_printf(&f->why, "%s: %s", f->root, strerror(errno));
	if (f->why.len || repository_open(&r, f->root, true, &f->why) < 0)
		return;
	prefix = prefix_of(f->root, r->workdir);
	if (!prefix)
		buf_printf(&f->why, "the work tree of %s is elsewhere: %s", r->gitdir, r->workdir);
	else if (is_ignored_whole(r, prefix))
		buf_printf(&f->why, "%s ignores all of it", r->workdir);
	if (f->why.len) {
		repository_free(r);
		return;
	}
	f->top = r;
	f->prefix = take_ptr(prefix);
}

/* ---- those nested in it ---- */

static void meet(struct forest *f, const char *dir)
{
	if (f->met.count < FOREST_MAX_REPOSITORIES && !strv_has(&f->met, dir))
		strv_add(&f->met, dir);
}

/* Is one nested at this directory of the tree (no '/' at its end)? NULL: no */
static struct repository *nested_at(struct forest *f, const char *dir, size_t len)
{
	struct repository *r = map_get(&f->nested, dir, len);
	AUTO_BUF path = { 0 };
	AUTO_BUF why = { 0 };
	struct stat st;
	size_t dir_len;

	if (r || map_get(&f->plain, dir, len))
		return r;
	if (buf_printf(&path, "%s/%.*s", f->root, (int)len, dir) < 0)
		return NULL;
	dir_len = path.len;
	if (buf_puts(&path, "/.git") < 0)
		return NULL;
	if (lstat(path.data, &st)) {
		/* the value only says that it is there */
		map_put(&f->plain, dir, len, f);
		return NULL;
	}
	/* One that cannot be opened is tried again each time: it may be in the making. */
	buf_truncate(&path, dir_len);
	if (f->nested.count >= FOREST_MAX_REPOSITORIES || repository_open(&r, path.data, false, &why) < 0)
		return NULL;
	if (map_put(&f->nested, dir, len, r) < 0) {
		repository_free(r);
		return NULL;
	}
	meet(f, path.data + strlen(f->root) + 1);
	return r;
}

int forest_ask(struct forest *f, const char *path, int (*fn)(struct repository *r, const char *inside, void *arg),
	       void *arg)
{
	struct repository *r;
	const char *start = path, *slash = path;
	AUTO_BUF inside = { 0 };
	int result = 0;

	forest_look(f);
	r = f->top;
	if (r && buf_puts(&inside, f->prefix) < 0)
		return -ENOMEM;
	while (result == 0 && (slash = strchr(slash, '/')) && slash[1]) {
		struct repository *inner = nested_at(f, path, (size_t)(slash - path));

		slash++;
		if (!inner)
			continue;
		if (r) {
			result = buf_put(&inside, start, (size_t)(slash - start));
			if (result == 0)
				result = fn(r, inside.data, arg);
		}
		buf_truncate(&inside, 0);
		start = slash;
		r = inner;
	}
	if (result < 0 || !r || !*start)
		return result;
	result = buf_puts(&inside, start);
	return result < 0 ? result : fn(r, inside.data, arg);
}

/* ---- git directories ---- */

/*
 * A submodule's git directory is below modules/, under a name that may have slashes. All that stand
 * there are taken: what no work tree uses any more is never locked.
 */
static int add_modules(struct strv *out, const char *dir, int depth)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	while (d && r == 0 && (e = readdir(d)) && out->count < FOREST_MAX_REPOSITORIES) {
		AUTO_BUF path = { 0 };
		size_t len;

		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		r = buf_printf(&path, "%s/%s", dir, e->d_name);
		len = path.len;
		if (r == 0)
			r = buf_puts(&path, "/HEAD");
		if (r < 0)
			break;
		if (access(path.data, F_OK) == 0) {
			buf_truncate(&path, len);
			r = strv_add(out, path.data);
			if (r == 0)
				r = buf_puts(&path, "/modules");
		} else {
			buf_truncate(&path, len);
		}
		if (r == 0 && depth < MODULES_MAX_DEPTH)
			r = add_modules(out, path.data, depth + 1);
	}
	if (d)
		closedir(d);
	return r;
}

static int add_once(struct strv *out, const char *dir)
{
	return strv_has(out, dir) ? 0 : strv_add(out, dir);
}

int forest_dirs(struct forest *f, struct strv *out)
{
	int r = 0;

	forest_look(f);
	if (f->top) {
		AUTO_BUF modules = { 0 };

		r = strv_add(out, f->top->gitdir);
		if (r == 0)
			r = add_once(out, f->top->commondir);
		/* a linked worktree has submodules of its own below its own git directory */
		if (r == 0)
			r = path_join(&modules, f->top->gitdir, "modules");
		if (r == 0)
			r = add_modules(out, modules.data, 0);
	}
	for (size_t i = 0; r == 0 && i < f->met.count && out->count < FOREST_MAX_REPOSITORIES; i++) {
		const struct repository *nested = nested_at(f, f->met.items[i], strlen(f->met.items[i]));

		if (nested)
			r = add_once(out, nested->gitdir);
		if (nested && r == 0)
			r = add_once(out, nested->commondir);
	}
	return r;
}
