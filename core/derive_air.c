/* .air.toml: its build and its program are a service's build: and run:. */
#include "core/derive_parts.h"
#include "core/command.h"
#include "core/config_keys.h"
#include <errno.h>
#include <string.h>

#define FILE_NAME ".air.toml"

static const char *text_of(const json_t *build, const char *key)
{
	const char *text = json_string_value(json_object_get(build, key));

	return text && *text ? text : NULL;
}

static void list_of(struct derive *d, const json_t *build, const char *key, struct strv *out)
{
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(build, key), i, item)
	{
		if (json_is_string(item) && *json_string_value(item))
			derived_list(d, out, "%s", json_string_value(item));
	}
}

static void set_build(struct derive *d, struct derived_service *s, const json_t *build)
{
	const char *cmd = text_of(build, "cmd");
	AUTO_STRV before = { 0 };
	AUTO_BUF line = { 0 };
	int r = 0;

	list_of(d, build, "pre_cmd", &before);
	for (size_t i = 0; r == 0 && i < before.count; i++)
		r = buf_printf(&line, "%s && ", before.items[i]);
	if (r < 0)
		d->no_memory = true;
	derived_set(d, &s->build, "%s%s", buf_str(&line), cmd ? cmd : "go build -o ./tmp/main .");
}

static void set_run(struct derive *d, struct derived_service *s, const json_t *build)
{
	const char *full = text_of(build, "full_bin"), *bin = text_of(build, "bin");
	AUTO_STRV words = { 0 };
	AUTO_BUF more = { 0 };

	list_of(d, build, "entrypoint", &words);
	if (!words.count && text_of(build, "entrypoint"))
		derived_list(d, &words, "%s", text_of(build, "entrypoint"));
	if (!words.count && !full) {
		bin = bin ? bin : "./tmp/main";
		derived_list(d, &words, "%s%s", strchr(bin, '/') ? "" : "./", bin);
	}
	list_of(d, build, "args_bin", &words);
	if (full) { /* a line for the shell */
		if (command_line(&words, &more) < 0)
			d->no_memory = true;
		derived_set(d, &s->run, "%s%s%s", full, more.len ? " " : "", buf_str(&more));
	} else {
		derived_words(d, &s->run, &words);
	}
}

static void set_times(struct derive *d, struct derived_service *s, const json_t *build)
{
	const char *delay = text_of(build, "kill_delay");
	int64_t ms = json_integer_value(json_object_get(build, "kill_delay")) / 1000000; /* a number is nanoseconds */

	if (json_is_true(json_object_get(build, "send_interrupt")))
		derived_set(d, &s->stop, "INT");
	if (delay && config_parse_duration(delay, &ms) < 0)
		derived_note(d, FILE_NAME ": kill_delay %s", delay);
	if (ms > 0 && ms < 3600000)
		s->grace_ms = (int)ms;
}

/* "_test.go" and "_test\\.go" are what nearly everybody has; whatever else is a real expression stays behind. */
static void set_regexes(struct derive *d, const struct place *p, struct derived_service *s, const json_t *build)
{
	AUTO_STRV list = { 0 };

	list_of(d, build, "exclude_regex", &list);
	for (size_t i = 0; i < list.count; i++) {
		AUTO_BUF plain = { 0 };
		const char *c = list.items[i];
		int r = buf_putc(&plain, '*');

		for (; r == 0 && *c && !strchr("^*+?()[]{}|", *c); c++) {
			bool escaped = *c == '\\' && c[1] == '.';

			if (*c == '$' && !c[1])
				continue;
			if (*c == '\\' && !escaped)
				break;
			c += escaped;
			r = buf_putc(&plain, *c);
		}
		if (*c)
			derived_note(d,
				     FILE_NAME ": exclude_regex '%s': say it as a pattern in ignore:", list.items[i]);
		else
			derived_pattern(d, p, &s->ignore, NULL, buf_str(&plain));
	}
}

static void set_patterns(struct derive *d, const struct place *p, struct derived_service *s, const json_t *build)
{
	AUTO_STRV dirs = { 0 };
	AUTO_STRV extensions = { 0 };
	AUTO_STRV files = { 0 };
	AUTO_STRV out = { 0 };

	list_of(d, build, "include_dir", &dirs);
	list_of(d, build, "include_ext", &extensions);
	list_of(d, build, "include_file", &files);
	derived_watch(d, p, &s->watch, &dirs, &extensions);
	for (size_t i = 0; s->watch.count && i < files.count; i++)
		derived_pattern(d, p, &s->watch, NULL, files.items[i]);
	list_of(d, build, "exclude_dir", &out);
	list_of(d, build, "exclude_file", &out);
	for (size_t i = 0; i < out.count; i++)
		derived_pattern(d, p, &s->ignore, NULL, out.items[i]);
	set_regexes(d, p, s, build);
}

/* What has no counterpart, or needs none since hrfs does it another way, is known; anything else is said. */
static void say_the_rest(struct derive *d, const json_t *build)
{
	static const char *const known[] = {
		"cmd",
		"bin",
		"full_bin",
		"entrypoint",
		"args_bin",
		"pre_cmd",
		"include_ext",
		"include_dir",
		"include_file",
		"exclude_dir",
		"exclude_file",
		"exclude_regex",
		"send_interrupt",
		"kill_delay",
		"delay",
		"stop_on_error",
		"log",
		"poll",
		"poll_interval",
		"exclude_unchanged",
		"follow_symlink",
		"rerun_delay",
		"ignore_dangerous_root_dir",
	};
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)build, key, value)
	{
		bool found = json_is_false(value) || (json_is_array(value) && !json_array_size(value));

		for (size_t i = 0; !found && i < ARRAY_SIZE(known); i++)
			found = strcmp(key, known[i]) == 0;
		if (!found)
			derived_note(d, FILE_NAME ": build.%s", key);
	}
}

int derive_air(struct derive *d, const struct place *p)
{
	json_t *air = NULL;
	const json_t *build;
	const char *root;
	struct derived_service *s;
	int r = place_toml(d, p, FILE_NAME, &air);

	if (r <= 0)
		return r;
	build = json_object_get(air, "build");
	root = json_string_value(json_object_get(air, "root"));
	if (root && strcmp(root, ".") != 0 && strcmp(root, "./") != 0) {
		r = derive_fail(d, FILE_NAME ": root '%s': only the directory that it lies in is understood", root);
		json_decref(air);
		return r;
	}
	s = derived_add(d, p, p->name ? p->name : place_base(d, p), FILE_NAME);
	if (s) {
		set_build(d, s, build);
		set_run(d, s, build);
		set_times(d, s, build);
		set_patterns(d, p, s, build);
		say_the_rest(d, build);
		if (json_is_true(json_object_get(json_object_get(air, "proxy"), "enabled")))
			derived_note(d, FILE_NAME ": proxy");
	}
	json_decref(air);
	return s != NULL;
}
