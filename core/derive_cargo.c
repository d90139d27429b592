/* Rust: a service for each binary of a package, or of a workspace's members. */
#include "core/derive_parts.h"
#include "core/base/path.h"
#include "core/wildmatch.h"
#include <string.h>

static bool is_workspace(struct derive *d, const char *at)
{
	const struct place p = { .at = at };
	json_t *o = NULL;
	bool yes = place_toml(d, &p, "Cargo.toml", &o) > 0 && json_object_get(o, "workspace");

	json_decref(o);
	return yes;
}

/* how the workspace's root, or the place itself, is called from the place */
static void workspace_root(struct derive *d, const struct place *p, struct buf *up)
{
	AUTO_FREE char *at = strdup(p->at);
	AUTO_BUF way = { 0 };

	while (at && *at) {
		char *slash = strrchr(at, '/');

		*(slash ? slash : at) = '\0';
		if (buf_puts(&way, "../") < 0)
			d->no_memory = true;
		if (is_workspace(d, at)) {
			if (buf_puts(up, buf_str(&way)) < 0)
				d->no_memory = true;
			return;
		}
	}
}

/* Somebody has it build elsewhere, where hrfs would not see what it builds. */
static bool builds_elsewhere(struct derive *d, const struct place *p)
{
	static const char *const files[] = { ".cargo/config.toml", ".cargo/config" };
	bool elsewhere = getenv("CARGO_TARGET_DIR") || getenv("CARGO_BUILD_TARGET_DIR");

	for (size_t i = 0; !elsewhere && i < ARRAY_SIZE(files); i++) {
		json_t *o = NULL;

		elsewhere = place_toml(d, p, files[i], &o) > 0 &&
			    json_object_get(json_object_get(o, "build"), "target-dir");
		json_decref(o);
	}
	return elsewhere;
}

bool cargo_target(struct derive *d, const struct place *p, struct buf *out, const char **option)
{
	if (!place_has(d, p, "Cargo.toml"))
		return false;
	workspace_root(d, p, out);
	if (buf_puts(out, "target") < 0)
		d->no_memory = true;
	*option = builds_elsewhere(d, p) ? "--target-dir" : NULL;
	return true;
}

/* ---- binaries ---- */

static void add_name(struct derive *d, struct strv *names, const char *name)
{
	if (name && !strv_has(names, name))
		derived_list(d, names, "%s", name);
}

/* what [[bin]] says, src/main.rs, src/bin/NAME.rs and src/bin/NAME/main.rs */
static void find_bins(struct derive *d, const struct place *p, const json_t *cargo, struct strv *bins)
{
	const json_t *list = json_object_get(cargo, "bin");
	AUTO_STRV files = { 0 };
	size_t i;
	json_t *b;

	json_array_foreach(list, i, b) add_name(d, bins, json_string_value(json_object_get(b, "name")));
	if (!json_array_size(list) && place_has(d, p, "src/main.rs"))
		add_name(d, bins, json_string_value(json_object_get(json_object_get(cargo, "package"), "name")));
	place_list(d, p, "src/bin", &files);
	for (i = 0; i < files.count; i++) {
		size_t len = strlen(files.items[i]);
		AUTO_BUF main = { 0 };

		if (buf_printf(&main, "src/bin/%s/main.rs", files.items[i]) < 0)
			d->no_memory = true;
		if (len > 3 && strcmp(files.items[i] + len - 3, ".rs") == 0) {
			files.items[i][len - 3] = '\0';
			add_name(d, bins, files.items[i]);
		} else if (place_has(d, p, buf_str(&main))) {
			add_name(d, bins, files.items[i]);
		}
	}
}

static int add_bin(struct derive *d, const struct place *p, const char *name, const char *bin)
{
	struct derived_service *s = derived_add(d, p, name, "Cargo.toml");
	AUTO_STRV words = { 0 };

	if (!s)
		return 0;
	if (strv_add(&words, "cargo") < 0 || strv_add(&words, "run") < 0 || strv_add(&words, "--bin") < 0 ||
	    strv_add(&words, bin) < 0)
		d->no_memory = true;
	else
		derived_split(d, p, s, &words);
	return 1;
}

static int derive_package(struct derive *d, const struct place *p, const json_t *cargo)
{
	const char *wanted = json_string_value(json_object_get(json_object_get(cargo, "package"), "default-run"));
	AUTO_STRV bins = { 0 };
	int added = 0;

	find_bins(d, p, cargo, &bins);
	for (size_t i = 0; i < bins.count; i++) {
		const char *bin = bins.items[i];

		if (wanted && strcmp(bin, wanted) != 0)
			derived_note(d, "%s%sCargo.toml: %s is not its default-run", p->at, *p->at ? "/" : "", bin);
		else
			added += add_bin(d, p, p->name && (wanted || bins.count == 1) ? p->name : bin, bin);
	}
	return added;
}

/* ---- workspaces ---- */

static int derive_member(struct derive *d, const char *at)
{
	const struct place p = { .at = at };
	json_t *cargo = NULL;
	int r = place_toml(d, &p, "Cargo.toml", &cargo);

	if (r > 0)
		r = derive_package(d, &p, cargo);
	json_decref(cargo);
	return r;
}

/* "crates/..." with a star as its last part is each directory there; the star elsewhere is rare, and not followed */
static int derive_members(struct derive *d, const struct place *p, const char *pattern)
{
	AUTO_BUF path = { 0 };
	AUTO_STRV names = { 0 };
	const char *last = path_base(pattern);
	AUTO_FREE char *dir = strndup(pattern, last > pattern ? (size_t)(last - pattern - 1) : 0);
	int total = 0, r = 0;

	if (!dir)
		return 0;
	if (!strpbrk(pattern, "*?[")) {
		place_path(d, p, pattern, &path);
		return derive_member(d, buf_str(&path));
	}
	place_list(d, p, dir, &names);
	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		AUTO_BUF inner = { 0 };
		AUTO_BUF whole = { 0 };

		if (!wildmatch(last, names.items[i], WILD_PERIOD) || path_join(&inner, dir, names.items[i]) < 0)
			continue;
		place_path(d, p, inner.data, &whole);
		r = derive_member(d, buf_str(&whole));
		total += r > 0 ? r : 0;
	}
	return r < 0 ? r : total;
}

int derive_cargo(struct derive *d, const struct place *p)
{
	json_t *cargo = NULL, *m;
	int total = 0, r = place_toml(d, p, "Cargo.toml", &cargo);
	size_t i;

	if (r <= 0)
		return r;
	if (json_object_get(cargo, "package"))
		total = r = derive_package(d, p, cargo);
	json_array_foreach(json_object_get(json_object_get(cargo, "workspace"), "members"), i, m)
	{
		if (r >= 0 && json_is_string(m) && strcmp(json_string_value(m), ".") != 0) {
			r = derive_members(d, p, json_string_value(m));
			total += r > 0 ? r : 0;
		}
	}
	json_decref(cargo);
	return r < 0 ? r : total;
}
