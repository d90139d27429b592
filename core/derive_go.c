/* Go: a service for each main package, built into DERIVE_OUTPUTS. `go run` is taken apart in derive_split.c. */
#include "core/derive_parts.h"
#include "core/base/path.h"
#include <ctype.h>
#include <string.h>

/* ---- main packages ---- */

/* Past blanks and comments, to the package clause. A "//go:build ignore" before it: run by hand, no part of the package. */
static bool is_main_file(char *text)
{
	bool comment = false;
	char *line;

	while (next_line(&text, &line)) {
		line += strspn(line, " \t");
		if (strstr(line, "*/")) {
			comment = false;
			continue;
		}
		if (comment || !*line)
			continue;
		if (strncmp(line, "/*", 2) == 0) {
			comment = true;
			continue;
		}
		if (strncmp(line, "//", 2) == 0) {
			if (strncmp(line, "//go:build ignore", 17) == 0 || strncmp(line, "// +build ignore", 16) == 0)
				return false;
			continue;
		}
		return strncmp(line, "package main", 12) == 0 && !isalnum((unsigned char)line[12]) && line[12] != '_';
	}
	return false;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len > n && strcmp(name + len - n, end) == 0;
}

/* is the directory (from the place) a main package? */
static bool is_main(struct derive *d, const struct place *p, const char *dir)
{
	AUTO_STRV names = { 0 };

	place_list(d, p, dir, &names);
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		AUTO_BUF path = { 0 };
		AUTO_BUF text = { 0 };

		if (!ends_with(name, ".go") || ends_with(name, "_test.go") || *name == '_' || *name == '.')
			continue;
		if (path_join(&path, dir, name) < 0)
			d->no_memory = true;
		else if (place_read(d, p, path.data, &text) && text.len && is_main_file(text.data))
			return true;
	}
	return false;
}

static bool may_hold_main(const char *name)
{
	static const char *const not [] = { "vendor",  "testdata", "node_modules", "internal", "pkg",  "examples",
					    "example", "test",	   "tests",	   "docs",     "tools" };

	for (size_t i = 0; i < ARRAY_SIZE(not ); i++) {
		if (strcmp(name, not [i]) == 0)
			return false;
	}
	return *name != '.' && *name != '_';
}

static void find_mains(struct derive *d, const struct place *p, const char *dir, int depth, struct strv *mains)
{
	AUTO_STRV names = { 0 };
	AUTO_BUF module = { 0 };

	if (*dir && (path_join(&module, dir, "go.mod") < 0 || place_has(d, p, module.data)))
		return; /* another module */
	if (is_main(d, p, dir) && strv_add(mains, dir) < 0)
		d->no_memory = true;
	if (!depth)
		return;
	place_list(d, p, dir, &names);
	for (size_t i = 0; i < names.count; i++) {
		AUTO_BUF path = { 0 };

		if (!may_hold_main(names.items[i]) || path_join(&path, dir, names.items[i]) < 0)
			continue;
		if (place_has_dir(d, p, path.data))
			find_mains(d, p, path.data, depth - 1, mains);
	}
}

/* ---- services ---- */

/* the last part of the module's path that is no version */
static void module_name(const struct derive *d, const struct place *p, char *text, struct buf *out)
{
	char *line;

	while (next_line(&text, &line)) {
		if (strncmp(line, "module ", 7) != 0)
			continue;
		line += 7 + strspn(line + 7, " \t\"");
		line[strcspn(line, " \t\"")] = '\0';
		for (char *slash; (slash = strrchr(line, '/')) && slash[1] == 'v' && isdigit((unsigned char)slash[2]);)
			*slash = '\0';
		buf_puts(out, path_base(line));
		return;
	}
	buf_puts(out, place_base(d, p));
}

/* by its name a tool that one calls, and that may do what one does not want done at every start */
static bool is_tool(const char *name)
{
	static const char *const words[] = { "migrat",	"seed",	  "gen",     "tool",   "cli",	  "ctl",
					     "fixture", "import", "export",  "backup", "restore", "clean",
					     "test",	"bench",  "example", "script" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasestr(name, words[i]))
			return true;
	}
	return false;
}

static int add_main(struct derive *d, const struct place *p, const char *name, const char *dir)
{
	struct derived_service *s = derived_add(d, p, name, "go.mod");
	AUTO_STRV words = { 0 };
	AUTO_BUF line = { 0 };

	if (!s)
		return 0;
	if (buf_printf(&line, "go run %s%s", *dir ? "./" : ".", dir) < 0 || strv_add(&words, "go") < 0 ||
	    strv_add(&words, "run") < 0 || strv_add(&words, buf_str(&line) + strlen("go run ")) < 0)
		d->no_memory = true;
	else
		derived_split(d, p, s, &words);
	if (*dir)
		derived_set(d, &s->from, "%s, ./%s", s->from, dir);
	return 1;
}

int derive_go(struct derive *d, const struct place *p)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF module = { 0 };
	AUTO_STRV mains = { 0 };
	int added = 0;

	if (!place_read(d, p, "go.mod", &text))
		return 0;
	module_name(d, p, text.data, &module);
	find_mains(d, p, "", 2, &mains);
	for (size_t i = 0; i < mains.count; i++) {
		const char *dir = mains.items[i];
		const char *name = *dir ? path_base(dir) : buf_str(&module);

		if (mains.count > 1 && *dir && is_tool(name))
			derived_note(d, "%s%s%s: by its name a tool, no service", p->at, *p->at ? "/" : "", dir);
		else
			added += add_main(d, p, mains.count == 1 && p->name ? p->name : name, dir);
	}
	return added;
}
