#include "core/outside.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/json.h"
#include "core/toml.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE (1024 * 1024)
#define MAX_NAMES 2000

struct search {
	const char *root; /* real */
	struct outside *out;
	int error;
};

void outside_done(struct outside *o)
{
	strv_done(&o->dirs);
	strv_done(&o->whys);
}

static bool holds(const char *dir, const char *path)
{
	size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || !path[len]);
}

/* a cache, or a tool's own */
static bool is_hidden(const char *root, const char *path)
{
	size_t same = 0;

	while (root[same] && root[same] == path[same])
		same++;
	while (same && path[same] != '/')
		same--;
	return strstr(path + same, "/.") != NULL;
}

/* name: as it stands in a file of `dir` */
static void take(struct search *s, const char *dir, const char *name, const char *why)
{
	AUTO_BUF path = { 0 };
	char real[PATH_MAX];
	struct stat st;

	if (s->error || path_absolute(&path, dir, name) < 0 || !realpath(buf_str(&path), real) || stat(real, &st) ||
	    !S_ISDIR(st.st_mode))
		return;
	if (holds(s->root, real) || holds(real, s->root) || is_hidden(s->root, real) || strv_has(&s->out->dirs, real) ||
	    s->out->dirs.count >= OUTSIDE_MAX)
		return;
	if (strv_add(&s->out->dirs, real) < 0 || strv_add(&s->out->whys, why) < 0)
		s->error = -ENOMEM;
}

static bool read_file(const char *dir, const char *name, struct buf *out)
{
	AUTO_BUF path = { 0 };

	return path_join(&path, dir, name) == 0 && file_read_path(path.data, MAX_FILE, out) == 0 && out->len;
}

/* ---- go ---- */

static bool is_local(const char *word)
{
	return *word == '/' || strcmp(word, ".") == 0 || strcmp(word, "..") == 0 || strncmp(word, "./", 2) == 0 ||
	       strncmp(word, "../", 3) == 0;
}

/* every word that is a path: after replace's arrow, in use; a module's name is none */
static void take_go(struct search *s, const char *dir, const char *name)
{
	AUTO_BUF text = { 0 };
	char *lines = NULL, *line;

	if (!read_file(dir, name, &text))
		return;
	for (line = strtok_r(text.data, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *comment = strstr(line, "//"), *words = NULL, *word;

		if (comment && (comment == line || comment[-1] == ' ' || comment[-1] == '\t'))
			*comment = '\0';
		for (word = strtok_r(line, " \t\r()\"", &words); word; word = strtok_r(NULL, " \t\r()\"", &words))
			if (is_local(word))
				take(s, dir, word, name);
	}
}

/* go looks for it above as well */
static void take_go_work(struct search *s)
{
	AUTO_BUF dir = { 0 };
	int r = buf_puts(&dir, s->root);

	while (r == 0 && dir.len) {
		AUTO_BUF file = { 0 };

		if (path_join(&file, dir.data, "go.work") == 0 && access(file.data, F_OK) == 0) {
			take_go(s, dir.data, "go.work");
			return;
		}
		buf_truncate(&dir, (size_t)(strrchr(dir.data, '/') - dir.data));
	}
}

/* ---- cargo ---- */

static void take_paths(struct search *s, const char *dir, const json_t *o, int depth)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)o, key, value)
	{
		if (strcmp(key, "path") == 0 && json_is_string(value))
			take(s, dir, json_string_value(value), "Cargo.toml");
		else if (depth)
			take_paths(s, dir, value, depth - 1);
	}
}

static void take_cargo(struct search *s, const char *dir)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF error = { 0 };
	json_t *o;

	if (!read_file(dir, "Cargo.toml", &text) || toml_parse("Cargo.toml", text.data, text.len, &o, &error) < 0)
		return;
	take_paths(s, dir, o, 5);
	json_decref(o);
}

/* ---- node ---- */

static void take_dependencies(struct search *s, const char *dir, const json_t *list)
{
	static const char *const schemes[] = { "file:", "link:", "portal:" };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)list, key, value)
	{
		const char *text = json_string_value(value);

		for (size_t i = 0; text && i < ARRAY_SIZE(schemes); i++)
			if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
				take(s, dir, text + strlen(schemes[i]), "package.json");
	}
}

static void take_package(struct search *s, const char *dir)
{
	AUTO_BUF text = { 0 };
	json_t *o = read_file(dir, "package.json", &text) ? json_loadb(text.data, text.len, 0, NULL) : NULL;

	take_dependencies(s, dir, json_object_get(o, "dependencies"));
	take_dependencies(s, dir, json_object_get(o, "devDependencies"));
	json_decref(o);
}

/* ---- links and directories ---- */

/* fn for each that is a link, or with `links` false a directory */
static void each_name(struct search *s, const char *dir, bool links, void (*fn)(struct search *s, const char *dir, const char *name))
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	for (int i = 0; i < MAX_NAMES && (e = readdir(d)); i++) {
		struct stat st;

		if (*e->d_name == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (links ? S_ISLNK(st.st_mode) : S_ISDIR(st.st_mode))
			fn(s, dir, e->d_name);
	}
	closedir(d);
}

static void take_link(struct search *s, const char *dir, const char *name)
{
	take(s, dir, name, "a link in node_modules");
}

static void take_scope(struct search *s, const char *dir, const char *name)
{
	AUTO_BUF path = { 0 };

	if (*name == '@' && path_join(&path, dir, name) == 0)
		each_name(s, path.data, true, take_link);
}

static void take_top_link(struct search *s, const char *dir, const char *name)
{
	take(s, dir, name, name);
}

static void take_place(struct search *s, const char *dir)
{
	AUTO_BUF modules = { 0 };

	take_go(s, dir, "go.mod");
	take_cargo(s, dir);
	take_package(s, dir);
	if (path_join(&modules, dir, "node_modules") < 0)
		return;
	each_name(s, modules.data, true, take_link);
	each_name(s, modules.data, false, take_scope);
}

static void take_below(struct search *s, const char *dir, const char *name)
{
	AUTO_BUF path = { 0 };

	if (strcmp(name, "node_modules") != 0 && path_join(&path, dir, name) == 0)
		take_place(s, path.data);
}

int outside_find(const char *root, struct outside *out)
{
	char real[PATH_MAX];
	struct search s = { .root = real, .out = out };

	*out = (struct outside){ 0 };
	if (!realpath(root, real))
		return -errno;
	take_place(&s, real);
	take_go_work(&s);
	each_name(&s, real, false, take_below);
	each_name(&s, real, true, take_top_link);
	if (s.error)
		outside_done(out);
	return s.error;
}

/* ---- names ---- */

static void keep_common(struct buf *parent, const char *path)
{
	while (!holds(parent->len ? parent->data : "/", path))
		buf_truncate(parent, (size_t)(strrchr(parent->data, '/') - parent->data));
}

int outside_parent(const struct outside *o, const char *root, struct buf *out)
{
	int r = buf_puts(out, root);

	for (size_t i = 0; r == 0 && i < o->dirs.count; i++)
		keep_common(out, o->dirs.items[i]);
	return r == 0 && !out->len ? buf_puts(out, "/") : r;
}

int outside_relative(const char *root, const char *path, struct buf *out)
{
	AUTO_BUF common = { 0 };
	const char *rest;
	int r = buf_puts(&common, root);

	if (r < 0)
		return r;
	keep_common(&common, path);
	rest = root + common.len;
	for (rest += *rest == '/'; r == 0 && *rest; rest += strcspn(rest, "/"), rest += *rest == '/')
		r = buf_puts(out, "../");
	path += common.len;
	path += *path == '/';
	return r < 0 ? r : buf_puts(out, path);
}
