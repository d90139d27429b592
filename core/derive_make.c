/* C and whatever else is built by make or cmake. */
#include "core/derive_parts.h"
#include "core/base/path.h"
#include <ctype.h>
#include <string.h>

/* ---- Makefile: the targets by which people start things ---- */

struct target {
	bool there;
	char needs[256]; /* what stands behind the colon, when make itself need not be asked what it means */
};

/* "run: server | dir ## help": the prerequisites as words for make. Variables only make knows. */
static void take_needs(const char *text, struct target *t)
{
	size_t n = 0;

	while (*text) {
		size_t len;

		text += strspn(text, " \t");
		len = strcspn(text, " \t");
		if (*text == '#' || *text == '|' || *text == ';' || !len)
			return;
		if (strcspn(text, "$%*?\\()") < len || n + len + 2 > sizeof(t->needs)) {
			t->needs[0] = '\0';
			return;
		}
		if (n)
			t->needs[n++] = ' ';
		memcpy(t->needs + n, text, len);
		n += len;
		t->needs[n] = '\0';
		text += len;
	}
}

static void take_rule(const char *line, const char *const *names, struct target *targets, size_t count)
{
	size_t colon = strcspn(line, ":=#");

	/* "run := x" is a variable */
	if (line[colon] != ':' || line[colon + 1] == '=' || line[colon + 1] == ':' || isspace((unsigned char)*line))
		return;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(line, names[i], len) == 0 && strspn(line + len, " \t") == colon - len) {
			targets[i].there = true;
			take_needs(line + colon + 1, &targets[i]);
		}
	}
}

static int add_target(struct derive *d, const struct place *p, const char *file, const char *run, const char *build)
{
	struct derived_service *s = derived_add(d, p, p->name ? p->name : place_base(d, p), file);

	if (!s)
		return 0;
	derived_set(d, &s->from, "%s, %s", s->from, run ? run : "all");
	if (build)
		derived_set(d, &s->build, "make%s%s", *build ? " " : "", build);
	if (run)
		derived_set(d, &s->run, "make %s", run);
	return 1;
}

int derive_make(struct derive *d, const struct place *p)
{
	static const char *const files[] = { "GNUmakefile", "makefile", "Makefile" };
	static const char *const names[] = { "run", "serve", "dev", "start", "build", "all" };
	struct target targets[ARRAY_SIZE(names)] = { 0 };
	AUTO_BUF text = { 0 };
	char *rest, *line;
	size_t f = 0, i = 0;

	while (f < ARRAY_SIZE(files) && !place_read(d, p, files[f], &text))
		f++;
	if (f == ARRAY_SIZE(files) || !text.len)
		return 0;
	for (rest = text.data; next_line(&rest, &line);)
		take_rule(line, names, targets, ARRAY_SIZE(names));
	while (i < 4 && !targets[i].there)
		i++;
	if (i == 4 && !targets[5].there)
		return 0;
	if (i == 4)
		return add_target(d, p, files[f], NULL, "all");
	/* what it needs is made first and by itself: while that fails, what runs goes on */
	if (targets[i].needs[0])
		return add_target(d, p, files[f], names[i], targets[i].needs);
	return add_target(d, p, files[f], names[i], targets[4].there ? "build" : targets[5].there ? "all" : NULL);
}

/* ---- CMakeLists.txt ---- */

/* "add_executable(NAME …": the first word in the parentheses of the command, from *at on. false: there is no more */
static bool next_call(const char **at, const char *command, char out[static 128])
{
	for (const char *c = *at; (c = strcasestr(c, command));) {
		const char *word = c + strlen(command);
		size_t n = 0;

		c = word;
		word += strspn(word, " \t");
		if (*word++ != '(')
			continue;
		word += strspn(word, " \t\r\n\"");
		n = strcspn(word, " \t\r\n\")");
		if (!n || n > 127)
			continue;
		memcpy(out, word, n);
		out[n] = '\0';
		*at = word + n;
		return true;
	}
	return false;
}

/* without what stands behind a '#' */
static void drop_comments(char *text)
{
	for (char *c = text; (c = strchr(c, '#'));) {
		while (*c && *c != '\n')
			*c++ = ' ';
	}
}

struct cmake {
	char project[128];
	const char *build; /* the directory */
	bool in_bin;	   /* CMAKE_RUNTIME_OUTPUT_DIRECTORY says bin */
	int added;
};

static void add_executables(struct derive *d, const struct place *p, const char *dir, const char *text, struct cmake *c)
{
	const char *at = text;
	char name[128];

	while (next_call(&at, "add_executable", name)) {
		struct derived_service *s;
		size_t rest = strspn(at, " \t\r\n\"");

		if (strncmp(at + rest, "ALIAS", 5) == 0 || strncmp(at + rest, "IMPORTED", 8) == 0)
			continue;
		if (strcmp(name, "${PROJECT_NAME}") == 0)
			strcpy(name, c->project);
		if (!*name || strpbrk(name, "$<{") || strcasestr(name, "test"))
			continue;
		s = derived_add(d, p, p->name && !c->added ? p->name : name, "CMakeLists.txt");
		if (!s)
			return;
		derived_set(d, &s->build, "cmake -B %s && cmake --build %s --target %s", c->build, c->build, name);
		derived_set(d, &s->run, "%s/%s%s%s", c->build, c->in_bin ? "bin" : dir, c->in_bin || *dir ? "/" : "",
			    name);
		derived_set(d, &s->from, "%s, %s", s->from, name);
		c->added++;
	}
}

/* add_subdirectory, one level of them */
static void add_below(struct derive *d, const struct place *p, const char *text, struct cmake *c)
{
	const char *at = text;
	char dir[128];

	while (next_call(&at, "add_subdirectory", dir)) {
		AUTO_BUF file = { 0 };
		AUTO_BUF inner = { 0 };

		if (strpbrk(dir, "${") || strcasestr(dir, "test") || buf_printf(&file, "%s/CMakeLists.txt", dir) < 0 ||
		    !place_read(d, p, file.data, &inner) || !inner.len)
			continue;
		drop_comments(inner.data);
		add_executables(d, p, dir, inner.data, c);
	}
}

int derive_cmake(struct derive *d, const struct place *p)
{
	struct cmake c = { 0 };
	AUTO_BUF text = { 0 };
	AUTO_BUF build = { 0 };
	const char *at, *output;

	if (!place_read(d, p, "CMakeLists.txt", &text) || !text.len)
		return 0;
	drop_comments(text.data);
	at = text.data;
	if (!next_call(&at, "project", c.project))
		return 0; /* a part of another one */
	output = strcasestr(text.data, "CMAKE_RUNTIME_OUTPUT_DIRECTORY");
	c.in_bin = output && strncasecmp(output + 30 + strcspn(output + 30, "/\n"), "/bin", 4) == 0;
	if (place_has(d, p, "build/CMakeCache.txt")) {
		c.build = "build";
	} else {
		place_up(d, p, DERIVE_OUTPUTS "/", &build);
		if (buf_puts(&build, *p->at ? path_base(p->at) : "") < 0 ||
		    buf_puts(&build, *p->at ? "-build" : "build") < 0)
			d->no_memory = true;
		c.build = buf_str(&build);
		d->out->outputs = true;
	}
	add_executables(d, p, "", text.data, &c);
	add_below(d, p, text.data, &c);
	return c.added;
}
