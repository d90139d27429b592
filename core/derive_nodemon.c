/* nodemon: its words, nodemon.json and nodemonConfig of package.json. What it does, hrfs does. */
#include "core/derive_parts.h"
#include "core/base/path.h"
#include "core/command.h"
#include "core/config.h"
#include <errno.h>
#include <string.h>

struct nodemon {
	struct strv watch, ignore, extensions, env;
	struct strv script;  /* the file and its words */
	struct strv options; /* of node */
	char *exec, *signal;
	const char *from;
};

static void nodemon_done(struct nodemon *n)
{
	strv_done(&n->watch);
	strv_done(&n->ignore);
	strv_done(&n->extensions);
	strv_done(&n->env);
	strv_done(&n->script);
	strv_done(&n->options);
	free(n->exec);
	free(n->signal);
}

/* ---- the settings of a file ---- */

/* a text, or a list of them; what was said on the command line stays */
static void take_list(struct derive *d, const json_t *o, const char *key, struct strv *out)
{
	const json_t *value = json_object_get(o, key);
	size_t i;
	json_t *item;

	if (out->count)
		return;
	if (json_is_string(value))
		derived_parts(d, json_string_value(value), out);
	json_array_foreach(value, i, item)
	{
		if (json_is_string(item))
			derived_list(d, out, "%s", json_string_value(item));
	}
}

static void take_text(struct derive *d, const json_t *o, const char *key, char **out)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (text && !*out)
		derived_set(d, out, "%s", text);
}

static void take_env(struct derive *d, const json_t *o, struct strv *out)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(o, "env"), name, value)
	{
		AUTO_FREE char *text = json_is_string(value) ? strdup(json_string_value(value))
							     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		if (text && *name && !strpbrk(name, "= \t\n:"))
			derived_list(d, out, "%s=%s", name, text);
	}
}

static void say_the_rest(struct derive *d, const json_t *o, const char *file)
{
	static const char *const known[] = {
		"watch", "ignore", "ext",     "exec",	     "script", "env",  "signal",   "verbose", "restartable",
		"delay", "quiet",  "colours", "legacyWatch", "stdin",  "dump", "nodeArgs", "polling", "$schema"
	};
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)o, key, value)
	{
		bool found = false;

		for (size_t i = 0; !found && i < ARRAY_SIZE(known); i++)
			found = strcmp(key, known[i]) == 0;
		if (!found)
			derived_note(d, "%s: %s", file, key);
	}
}

static void take_settings(struct derive *d, const json_t *o, const char *file, struct nodemon *n)
{
	const char *script = json_string_value(json_object_get(o, "script"));

	if (!json_object_size(o))
		return;
	take_list(d, o, "watch", &n->watch);
	take_list(d, o, "ignore", &n->ignore);
	take_list(d, o, "ext", &n->extensions);
	take_list(d, o, "nodeArgs", &n->options);
	take_text(d, o, "exec", &n->exec);
	take_text(d, o, "signal", &n->signal);
	take_env(d, o, &n->env);
	if (script && !n->script.count)
		derived_list(d, &n->script, "%s", script);
	say_the_rest(d, o, file);
}

/* ---- the words ---- */

enum { SKIP, SKIP_VALUE, WATCH, IGNORE, EXT, EXEC, SIGNAL };

static const struct {
	const char *word, *letter;
	int what;
} options[] = {
	{ "--watch", "-w", WATCH },    { "--ignore", "-i", IGNORE },	   { "--ext", "-e", EXT },
	{ "--exec", "-x", EXEC },      { "--signal", "-s", SIGNAL },	   { "--delay", "-d", SKIP_VALUE },
	{ "--quiet", "-q", SKIP },     { "--verbose", "-V", SKIP },	   { "--legacy-watch", "-L", SKIP },
	{ "--exitcrash", NULL, SKIP }, { "--on-change-only", "-C", SKIP }, { "--no-stdin", "-I", SKIP },
	{ "--no-colors", NULL, SKIP }, { "--spawn", NULL, SKIP },	   { "--polling-interval", "-P", SKIP_VALUE },
};

static int option_of(const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if ((strncmp(word, options[i].word, len) == 0 && !options[i].word[len]) ||
		    (options[i].letter && strcmp(word, options[i].letter) == 0))
			return options[i].what;
	}
	return -1;
}

static void take_value(struct derive *d, struct nodemon *n, int what, const char *value)
{
	if (what == WATCH)
		derived_list(d, &n->watch, "%s", value);
	else if (what == IGNORE)
		derived_list(d, &n->ignore, "%s", value);
	else if (what == EXT)
		derived_parts(d, value, &n->extensions);
	else if (what == EXEC)
		derived_set(d, &n->exec, "%s", value);
	else if (what == SIGNAL)
		derived_set(d, &n->signal, "%s", value);
}

static int take_words(struct derive *d, const struct strv *words, struct nodemon *n)
{
	size_t i = 1;

	for (; i < words->count && *words->items[i] == '-' && strcmp(words->items[i], "--") != 0; i++) {
		const char *word = words->items[i], *value = strchr(word, '=');
		int what = option_of(word);

		if (what < 0 && strncmp(word, "--", 2) != 0)
			return derive_fail(d, "nodemon: '%s' is not understood", word);
		if (what < 0) { /* --inspect, --require=…: node's */
			derived_list(d, &n->options, "%s", word);
			continue;
		}
		if (what != SKIP && !value && ++i == words->count)
			return derive_fail(d, "nodemon: %s wants a value", word);
		if (what != SKIP)
			take_value(d, n, what, value ? value + 1 : words->items[i]);
	}
	i += i < words->count && strcmp(words->items[i], "--") == 0;
	for (; i < words->count; i++) {
		if (strv_add(&n->script, words->items[i]) < 0)
			d->no_memory = true;
	}
	return 0;
}

/* ---- the service ---- */

static const char *program_for(const char *file)
{
	static const struct {
		const char *end, *program;
	} programs[] = {
		{ ".py", "python3" }, { ".ts", "npx ts-node" }, { ".rb", "ruby" }, { ".sh", "sh" }, { ".pl", "perl" }
	};
	size_t len = strlen(file);

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		size_t n = strlen(programs[i].end);

		if (len > n && strcmp(file + len - n, programs[i].end) == 0)
			return programs[i].program;
	}
	return "node";
}

static int set_run(struct derive *d, const struct place *p, struct derived_service *s, const struct nodemon *n)
{
	AUTO_BUF line = { 0 };
	AUTO_BUF script = { 0 };
	AUTO_BUF options_line = { 0 };
	int r = command_line(&n->script, &script);

	if (r == 0)
		r = command_line(&n->options, &options_line);
	if (!n->exec && !n->script.count)
		return derive_fail(
			d, "nodemon: neither its words nor its settings, nor 'main' in package.json, say what it runs");
	if (r == 0 && n->exec)
		r = buf_puts(&line, n->exec);
	else if (r == 0)
		r = buf_printf(&line, "%s%s%s", program_for(n->script.items[0]), options_line.len ? " " : "",
			       buf_str(&options_line));
	if (r == 0 && script.len)
		r = buf_printf(&line, " %s", script.data);
	if (r < 0)
		d->no_memory = true;
	derived_command(d, p, s, buf_str(&line));
	return 0;
}

static int add_service(struct derive *d, const struct place *p, const struct nodemon *n, const char *name)
{
	struct derived_service *s = derived_add(d, p, name ? name : place_base(d, p), n->from ? n->from : "");
	int r;

	if (!s)
		return 0;
	derived_set(d, &s->from, "%s%snodemon", n->from ? s->from : "", n->from ? ", " : "");
	r = set_run(d, p, s, n);
	derived_watch(d, p, &s->watch, &n->watch, &n->extensions);
	for (size_t i = 0; i < n->ignore.count; i++)
		derived_pattern(d, p, &s->ignore, NULL, n->ignore.items[i]);
	if (n->signal && signal_by_name(n->signal))
		derived_set(d, &s->stop, "%s", n->signal);
	if (strv_add_all(&s->env, &n->env) < 0)
		d->no_memory = true;
	return r;
}

int derive_nodemon(struct derive *d, const struct place *p, const struct strv *words, const char *from)
{
	AUTO_DONE(nodemon) struct nodemon n = { .from = from };
	json_t *settings = NULL, *package = NULL;
	const char *name = p->name, *main;
	int r = take_words(d, words, &n);

	if (r == 0)
		r = place_json(d, p, "nodemon.json", &settings);
	if (r >= 0)
		r = place_json(d, p, "package.json", &package);
	if (r >= 0) {
		take_settings(d, settings, "nodemon.json", &n);
		take_settings(d, json_object_get(package, "nodemonConfig"), "nodemonConfig", &n);
		main = json_string_value(json_object_get(package, "main"));
		if (!n.script.count && !n.exec && main)
			derived_list(d, &n.script, "%s", main);
		if (!name)
			name = json_string_value(json_object_get(package, "name"));
		r = add_service(d, p, &n, name);
	}
	json_decref(settings);
	json_decref(package);
	return r < 0 ? r : 0;
}
