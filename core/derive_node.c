/* Node: the scripts dev or start of package.json, by the package manager whose lock file lies there; else its main file. */
#include "core/derive_parts.h"
#include "core/base/path.h"
#include "core/command.h"
#include <string.h>

struct package {
	const json_t *json, *scripts;
	const char *manager; /* "npm", "pnpm", "yarn", "bun" */
};

static const char *script(const struct package *k, const char *name)
{
	return json_string_value(json_object_get(k->scripts, name));
}

/* of the package itself, or of the tree's root, where the lock file of a workspace is */
static const char *manager_of(struct derive *d, const struct place *p, const json_t *json)
{
	static const struct {
		const char *file, *manager;
	} locks[] = {
		{ "pnpm-lock.yaml", "pnpm" }, { "yarn.lock", "yarn" },	      { "bun.lock", "bun" },
		{ "bun.lockb", "bun" },	      { "package-lock.json", "npm" },
	};
	static const char *const managers[] = { "npm", "pnpm", "yarn", "bun" };
	const char *said = json_string_value(json_object_get(json, "packageManager"));
	const struct place top = { .at = "" };

	for (size_t i = 0; said && i < ARRAY_SIZE(managers); i++) {
		size_t len = strlen(managers[i]);

		if (strncmp(said, managers[i], len) == 0 && said[len] == '@')
			return managers[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		if (place_has(d, p, locks[i].file))
			return locks[i].manager;
	}
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		if (place_has(d, &top, locks[i].file))
			return locks[i].manager;
	}
	return "npm";
}

/* ---- what a script is ---- */

/* A script that is nothing but `node …` is run without the package manager around it. */
static bool is_plain_node(const struct package *k, const char *name, struct strv *words)
{
	AUTO_BUF before = { 0 };

	if (buf_printf(&before, "pre%s", name) < 0 || script(k, before.data))
		return false;
	return command_words(script(k, name), words) == 0 && words->count > 1 && strcmp(words->items[0], "node") == 0;
}

/* without --watch and --watch-path=…: hrfs restarts it */
static void add_node(struct derive *d, struct derived_service *s, const struct strv *words)
{
	AUTO_STRV kept = { 0 };
	bool options = true;

	for (size_t i = 0; i < words->count; i++) {
		const char *w = words->items[i];

		options = options && (i == 0 || *w == '-');
		if (options && strncmp(w, "--watch-path", 12) == 0 && !w[12])
			i++;
		else if (!options || strncmp(w, "--watch", 7) != 0)
			if (strv_add(&kept, w) < 0)
				d->no_memory = true;
	}
	derived_words(d, &s->run, &kept);
}

/* Does `start` begin something that `build` makes? */
static bool starts_what_is_built(const char *line)
{
	static const char *const outputs[] = { "dist/", "build/", "out/", "lib/", ".output/" };

	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		const char *at = strstr(line, outputs[i]);

		if (at && (at == line || strchr(" ./'\"", at[-1])))
			return true;
	}
	return false;
}

/* ---- services ---- */

static struct derived_service *add(struct derive *d, const struct place *p, const struct package *k, const char *why)
{
	const char *name = p->name ? p->name : json_string_value(json_object_get(k->json, "name"));
	struct derived_service *s = derived_add(d, p, name ? name : place_base(d, p), "package.json");

	if (s)
		derived_set(d, &s->from, "%s, %s", s->from, why);
	return s;
}

static int add_script(struct derive *d, const struct place *p, const struct package *k, const char *name)
{
	AUTO_STRV words = { 0 };
	struct derived_service *s = add(d, p, k, name);

	if (!s)
		return 0;
	if (is_plain_node(k, name, &words))
		add_node(d, s, &words);
	else if (strcmp(name, "start") == 0)
		derived_set(d, &s->run, "%s start", k->manager);
	else
		derived_set(d, &s->run, "%s run %s", k->manager, name);
	if (strcmp(name, "start") == 0 && script(k, "build") && starts_what_is_built(script(k, name)))
		derived_set(d, &s->build, "%s run build", k->manager);
	return 1;
}

/* main, or the usual names: of a package without scripts */
static int add_main(struct derive *d, const struct place *p, const struct package *k)
{
	const char *const files[] = { json_string_value(json_object_get(k->json, "main")),
				      "server.js",
				      "app.js",
				      "index.js",
				      "server.mjs",
				      "index.mjs" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		AUTO_STRV words = { 0 };
		struct derived_service *s;

		if (!files[i] || !place_has(d, p, files[i]) || place_has_dir(d, p, files[i]))
			continue;
		s = add(d, p, k, i == 0 ? "main" : files[i]);
		if (!s)
			return 0;
		if (strv_add(&words, "node") < 0 || strv_add(&words, files[i]) < 0)
			d->no_memory = true;
		derived_words(d, &s->run, &words);
		return 1;
	}
	return 0;
}

static bool has_nodemon(struct derive *d, const struct place *p, const struct package *k, const char *name,
			struct strv *words)
{
	return script(k, name) && command_words(script(k, name), words) == 0 &&
	       strcmp(path_base(words->items[0]), "nodemon") == 0;
}

/* nodemon's work is what hrfs does: its command and settings are taken over. -1: there is no nodemon here */
static int take_nodemon(struct derive *d, const struct place *p, const struct package *k)
{
	static const char *const names[] = { "dev", "start", "serve", "watch" };
	const char *main = json_string_value(json_object_get(k->json, "main"));
	size_t before = d->out->count;
	AUTO_STRV words = { 0 };
	bool found = false;
	int r;

	for (size_t i = 0; !found && i < ARRAY_SIZE(names); i++) {
		strv_done(&words);
		found = has_nodemon(d, p, k, names[i], &words);
	}
	if (!found) {
		strv_done(&words);
		if (!place_has(d, p, "nodemon.json") && !json_object_get(k->json, "nodemonConfig"))
			return -1;
		if (strv_add(&words, "nodemon") < 0 || (main && strv_add(&words, main) < 0))
			d->no_memory = true;
	}
	r = derive_nodemon(d, p, &words, "package.json");
	return r < 0 ? r : (int)(d->out->count - before);
}

static void say_modules(struct derive *d, const struct place *p, const struct package *k)
{
	const struct place top = { .at = "" };

	if (json_object_size(json_object_get(k->json, "dependencies")) +
		    json_object_size(json_object_get(k->json, "devDependencies")) &&
	    !place_has(d, p, "node_modules") && !place_has(d, &top, "node_modules") && !place_has(d, p, ".pnp.cjs"))
		derived_note(d, "%s%snode_modules: not there yet, '%s install' makes it", p->at, *p->at ? "/" : "",
			     k->manager);
}

static int derive_package(struct derive *d, const struct place *p, const struct package *k)
{
	int r = take_nodemon(d, p, k);

	if (r != -1)
		return r;
	if (script(k, "dev"))
		return add_script(d, p, k, "dev");
	if (script(k, "start"))
		return add_script(d, p, k, "start");
	if (script(k, "serve"))
		return add_script(d, p, k, "serve");
	return json_object_get(k->json, "workspaces") ? 0 : add_main(d, p, k);
}

int derive_node(struct derive *d, const struct place *p)
{
	struct package k = { 0 };
	json_t *json = NULL;
	int r = place_json(d, p, "package.json", &json);

	if (r <= 0)
		return r;
	k = (struct package){ json, json_object_get(json, "scripts"), manager_of(d, p, json) };
	r = derive_package(d, p, &k);
	if (r > 0)
		say_modules(d, p, &k);
	json_decref(json);
	return r;
}
