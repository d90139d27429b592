/*
 * `go run` and `cargo run` in two: the build fails by itself, and what runs is the program and not the tool that waits
 * for it. What can't be taken apart for certain stays as it is.
 */
#include "core/derive_parts.h"
#include "core/base/path.h"
#include "core/command.h"
#include <string.h>

static void add(struct derive *d, struct strv *to, const char *word)
{
	if (strv_add(to, word) < 0)
		d->no_memory = true;
}

static void add_rest(struct derive *d, struct strv *to, const struct strv *words, size_t from)
{
	for (; from < words->count; from++)
		add(d, to, words->items[from]);
}

/* "./x", since a word without a slash would be looked for in PATH */
static void add_program(struct derive *d, struct strv *to, const char *path)
{
	AUTO_BUF line = { 0 };

	if (buf_printf(&line, "%s%s", strchr(path, '/') ? "" : "./", path) < 0)
		d->no_memory = true;
	add(d, to, buf_str(&line));
}

/* ---- go ---- */

enum { FLAG_UNKNOWN, FLAG_ALONE, FLAG_WITH_VALUE };

static int go_flag(const char *word)
{
	static const char *const alone[] = { "race", "v",    "x",     "a",    "trimpath",
					     "msan", "asan", "cover", "work", "modcacherw" };
	static const char *const valued[] = { "tags", "ldflags", "gcflags", "asmflags", "mod",	     "modfile",
					      "p",    "overlay", "pgo",	    "buildvcs", "covermode", "coverpkg" };
	const char *name = word + strspn(word, "-");
	size_t len = strcspn(name, "=");

	for (size_t i = 0; i < ARRAY_SIZE(alone); i++) {
		if (strncmp(name, alone[i], len) == 0 && !alone[i][len])
			return FLAG_ALONE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(valued); i++) {
		if (strncmp(name, valued[i], len) == 0 && !valued[i][len])
			return name[len] ? FLAG_ALONE : FLAG_WITH_VALUE;
	}
	return FLAG_UNKNOWN;
}

/* Flags from words[2] on. Where they end; 0: one of them is not known. */
static size_t go_flags_end(const struct strv *words)
{
	size_t i = 2;

	while (i < words->count && *words->items[i] == '-') {
		int kind = go_flag(words->items[i]);

		if (kind == FLAG_UNKNOWN)
			return 0;
		i += kind == FLAG_WITH_VALUE ? 2 : 1;
	}
	return i < words->count ? i : 0;
}

static bool is_go_file(const char *word)
{
	size_t len = strlen(word);

	return len > 3 && strcmp(word + len - 3, ".go") == 0;
}

static bool split_go(struct derive *d, const struct place *p, struct derived_service *s, const struct strv *words)
{
	size_t first = go_flags_end(words), end = first + 1;
	AUTO_BUF program = { 0 };
	AUTO_BUF name = { 0 };
	AUTO_STRV build = { 0 };
	AUTO_STRV run = { 0 };

	/* another module's, "x@latest", is fetched and no part of the tree */
	if (!first || strchr(words->items[first], '@'))
		return false;
	while (is_go_file(words->items[first]) && end < words->count && is_go_file(words->items[end]))
		end++;
	if (buf_printf(&name, DERIVE_OUTPUTS "/%s", s->name) < 0)
		d->no_memory = true;
	place_up(d, p, buf_str(&name), &program);
	add(d, &build, "go");
	add(d, &build, "build");
	for (size_t i = 2; i < first; i++)
		add(d, &build, words->items[i]);
	add(d, &build, "-o");
	add(d, &build, buf_str(&program));
	for (size_t i = first; i < end; i++)
		add(d, &build, words->items[i]);
	add_program(d, &run, buf_str(&program));
	add_rest(d, &run, words, end);
	derived_words(d, &s->build, &build);
	derived_words(d, &s->run, &run);
	d->out->outputs = true;
	return true;
}

/* ---- cargo ---- */

struct cargo_words {
	const char *bin, *package, *profile;
	bool example;
	size_t end; /* where the program's own words begin */
	struct strv build;
};

static int cargo_flag(const char *word)
{
	static const char *const alone[] = {
		"-v",	    "-vv",	 "-q",	    "--quiet", "--verbose", "--all-features", "--no-default-features",
		"--locked", "--offline", "--frozen"
	};
	static const char *const valued[] = { "-F", "--features", "-j", "--jobs", "--color" };
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < ARRAY_SIZE(alone); i++) {
		if (strcmp(word, alone[i]) == 0)
			return FLAG_ALONE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(valued); i++) {
		if (strncmp(word, valued[i], len) == 0 && !valued[i][len])
			return word[len] ? FLAG_ALONE : FLAG_WITH_VALUE;
	}
	return FLAG_UNKNOWN;
}

/* "--bin X", "--bin=X": the value, and how many words it took; NULL: another word */
static const char *value_of(const struct strv *words, size_t i, const char *flag, const char *letter, size_t *taken)
{
	const char *word = words->items[i];
	size_t len = strlen(flag);

	if (strncmp(word, flag, len) == 0 && word[len] == '=') {
		*taken = 1;
		return word + len + 1;
	}
	*taken = 2;
	if ((strcmp(word, flag) == 0 || (letter && strcmp(word, letter) == 0)) && i + 1 < words->count)
		return words->items[i + 1];
	return NULL;
}

/* One flag of cargo run; how many words, 0: it is not known */
static size_t take_cargo_word(struct cargo_words *c, const struct strv *words, size_t i)
{
	const char *word = words->items[i], *value;
	size_t taken;

	if (strcmp(word, "--release") == 0 || strcmp(word, "-r") == 0) {
		c->profile = "release";
		return 1;
	}
	if ((value = value_of(words, i, "--bin", NULL, &taken)))
		c->bin = value;
	else if ((value = value_of(words, i, "--example", NULL, &taken)))
		c->example = (c->bin = value) != NULL;
	else if ((value = value_of(words, i, "--package", "-p", &taken)))
		c->package = value;
	else if ((value = value_of(words, i, "--profile", NULL, &taken)))
		c->profile = strcmp(value, "dev") == 0 ? "debug" : value;
	if (value)
		return taken;
	switch (cargo_flag(word)) {
	case FLAG_ALONE:
		return 1;
	case FLAG_WITH_VALUE:
		return i + 1 < words->count ? 2 : 0;
	default:
		return 0;
	}
}

/* false: something that is not known */
static bool read_cargo(struct derive *d, struct cargo_words *c, const struct strv *words)
{
	size_t i = 2;

	c->profile = "debug";
	add(d, &c->build, "cargo");
	add(d, &c->build, "build");
	while (i < words->count && strcmp(words->items[i], "--") != 0 && *words->items[i] == '-') {
		size_t n = take_cargo_word(c, words, i);

		if (!n)
			return false;
		for (; n; n--)
			add(d, &c->build, words->items[i++]);
	}
	c->end = i + (i < words->count && strcmp(words->items[i], "--") == 0);
	return true;
}

/* the package's only program, or the one that it names */
static void default_bin(struct derive *d, const struct place *p, struct buf *out)
{
	json_t *cargo = NULL;
	const json_t *package;
	const char *name;

	if (place_toml(d, p, "Cargo.toml", &cargo) <= 0)
		return;
	package = json_object_get(cargo, "package");
	name = json_string_value(json_object_get(package, "default-run"));
	if (!name && json_array_size(json_object_get(cargo, "bin")) == 1)
		name = json_string_value(json_object_get(json_array_get(json_object_get(cargo, "bin"), 0), "name"));
	if (!name && place_has(d, p, "src/main.rs"))
		name = json_string_value(json_object_get(package, "name"));
	if (name && buf_puts(out, name) < 0)
		d->no_memory = true;
	json_decref(cargo);
}

static bool split_cargo(struct derive *d, const struct place *p, struct derived_service *s, const struct strv *words)
{
	AUTO_BUF target = { 0 };
	AUTO_BUF bin = { 0 };
	AUTO_BUF program = { 0 };
	struct cargo_words c = { 0 };
	const char *option = NULL;
	AUTO_STRV run = { 0 };
	bool known = read_cargo(d, &c, words) && cargo_target(d, p, &target, &option);

	if (known && c.bin)
		known = buf_puts(&bin, c.bin) == 0;
	else if (known && c.package)
		known = buf_puts(&bin, c.package) == 0; /* its main.rs, which has its name */
	else if (known)
		default_bin(d, p, &bin);
	if (known && bin.len) {
		if (buf_printf(&program, "%s/%s%s/%s", buf_str(&target), c.profile, c.example ? "/examples" : "",
			       bin.data) < 0)
			d->no_memory = true;
		if (option) {
			add(d, &c.build, option);
			add(d, &c.build, buf_str(&target));
		}
		add_program(d, &run, buf_str(&program));
		add_rest(d, &run, words, c.end);
		derived_words(d, &s->build, &c.build);
		derived_words(d, &s->run, &run);
	}
	strv_done(&c.build);
	return known && bin.len;
}

bool derived_split(struct derive *d, const struct place *p, struct derived_service *s, const struct strv *words)
{
	if (words->count < 2 || strcmp(words->items[1], "run") != 0)
		return false;
	if (strcmp(words->items[0], "go") == 0)
		return split_go(d, p, s, words);
	if (strcmp(words->items[0], "cargo") == 0)
		return split_cargo(d, p, s, words);
	return false;
}

void derived_command(struct derive *d, const struct place *p, struct derived_service *s, const char *line)
{
	AUTO_STRV words = { 0 };

	/* of a line that takes a shell the first word is sh */
	if (command_words(line, &words) < 0 || !derived_split(d, p, s, &words))
		derived_set(d, &s->run, "%s", line);
}
