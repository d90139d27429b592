#include "core/derive_parts.h"
#include "core/base/path.h"
#include "core/command.h"
#include "core/config.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- what comes out ---- */

static void service_done(struct derived_service *s)
{
	char *texts[] = { s->name, s->from, s->build, s->run, s->clean, s->cwd, s->ready, s->reload, s->stop };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	strv_done(&s->env);
	strv_done(&s->watch);
	strv_done(&s->ignore);
}

void derived_done(struct derived *d)
{
	for (size_t i = 0; i < d->count; i++)
		service_done(&d->services[i]);
	free(d->services);
	strv_done(&d->notes);
	*d = (struct derived){ 0 };
}

int derive_fail(struct derive *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!d->error->len)
		buf_vprintf(d->error, format, args);
	va_end(args);
	return -EINVAL;
}

void derived_note(struct derive *d, const char *format, ...)
{
	AUTO_BUF text = { 0 };
	va_list args;
	int r;

	va_start(args, format);
	r = buf_vprintf(&text, format, args);
	va_end(args);
	if (r < 0 || strv_add(&d->out->notes, text.data) < 0)
		d->no_memory = true;
}

void derived_set(struct derive *d, char **text, const char *format, ...)
{
	AUTO_BUF b = { 0 };
	va_list args;
	int r;

	va_start(args, format);
	r = buf_vprintf(&b, format, args);
	va_end(args);
	free(*text);
	*text = r < 0 ? NULL : buf_take(&b);
	d->no_memory = d->no_memory || !*text;
}

void derived_list(struct derive *d, struct strv *list, const char *format, ...)
{
	AUTO_BUF b = { 0 };
	va_list args;
	int r;

	va_start(args, format);
	r = buf_vprintf(&b, format, args);
	va_end(args);
	if (r < 0 || strv_add(list, buf_str(&b)) < 0)
		d->no_memory = true;
}

void derived_words(struct derive *d, char **text, const struct strv *words)
{
	AUTO_BUF line = { 0 };

	if (command_line(words, &line) < 0)
		d->no_memory = true;
	derived_set(d, text, "%s", buf_str(&line));
}

/* ---- names ---- */

const char *place_base(const struct derive *d, const struct place *p)
{
	return path_base(*p->at ? p->at : d->root);
}

/* "@scope/My app" is "My-app"; at most as long as a service's name may be, with room for a number */
static void fit_name(const char *name, char out[static CONFIG_MAX_NAME + 1])
{
	size_t n = 0;

	for (name = path_base(name); *name && n < CONFIG_MAX_NAME - 3; name++) {
		if (isalnum((unsigned char)*name) || *name == '_' || (n && (*name == '-' || *name == '.')))
			out[n++] = *name;
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	if (!n)
		strcpy(out, "app");
}

static bool is_taken(const struct derived *d, const char *name)
{
	for (size_t i = 0; i < d->count; i++) {
		if (strcmp(d->services[i].name, name) == 0)
			return true;
	}
	return false;
}

struct derived_service *derived_add(struct derive *d, const struct place *p, const char *name, const char *from)
{
	struct derived *out = d->out;
	char fit[CONFIG_MAX_NAME + 1];
	struct derived_service *more;
	AUTO_BUF path = { 0 };
	size_t len;

	fit_name(name, fit);
	len = strlen(fit);
	for (int i = 2; is_taken(out, fit); i++)
		snprintf(fit + len, sizeof(fit) - len, "-%d", i);
	if (out->count >= DERIVE_MAX_SERVICES) {
		if (!d->too_many)
			derived_note(d, "%s and what else there is: more than %d services", fit, DERIVE_MAX_SERVICES);
		d->too_many = true;
		return NULL;
	}
	more = reallocarray(out->services, out->count + 1, sizeof(*more));
	if (!more) {
		d->no_memory = true;
		return NULL;
	}
	out->services = more;
	more += out->count++;
	*more = (struct derived_service){ 0 };
	place_path(d, p, from, &path);
	derived_set(d, &more->name, "%s", fit);
	derived_set(d, &more->from, "%s", buf_str(&path));
	if (*p->at)
		derived_set(d, &more->cwd, "%s", p->at);
	return more->name && more->from ? more : NULL;
}

/* ---- kinds ---- */

int derive_place(struct derive *d, const struct place *p, unsigned not_wanted, unsigned *found)
{
	static const struct {
		enum derive_kind kind;
		int (*derive)(struct derive *d, const struct place *p);
	} kinds[] = {
		{ DERIVE_GO, derive_go },     { DERIVE_CARGO, derive_cargo }, { DERIVE_PYTHON, derive_python },
		{ DERIVE_NODE, derive_node }, { DERIVE_BUILT, derive_cmake }, { DERIVE_BUILT, derive_make },
	};
	int total = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int r;

		if ((kinds[i].kind & not_wanted) || (kinds[i].kind == DERIVE_BUILT && total))
			continue;
		r = kinds[i].derive(d, p);
		if (r < 0)
			return r;
		if (r > 0)
			*found |= kinds[i].kind;
		total += r;
	}
	return total;
}

/* ---- directories of a project ---- */

/* looked into for more: a repository, or what says itself that it consists of several */
static bool is_project(const struct derive *d, const struct place *p)
{
	static const char *const signs[] = { ".git",	   "go.work",	 "pnpm-workspace.yaml",
					     "lerna.json", "turbo.json", "nx.json" };

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (place_has(d, p, signs[i]))
			return true;
	}
	return false;
}

static const char *marker(const struct derive *d, const struct place *p)
{
	static const char *const markers[] = {
		"go.mod",	"Cargo.toml",	  "manage.py", "pyproject.toml", "requirements.txt",
		"package.json", "CMakeLists.txt", "Makefile",  ".air.toml",
	};

	for (size_t i = 0; i < ARRAY_SIZE(markers); i++) {
		if (place_has(d, p, markers[i]))
			return markers[i];
	}
	return NULL;
}

enum { WALK_IN, WALK_PASS, WALK_SAY };

/* not looked into: never anybody's own code, or by their names no service of the project (said when there might be one) */
static int may_walk(const char *name)
{
	static const char *const foreign[] = {
		"node_modules", "vendor", "target", "build", "dist",	    "out",
		"bin",		"obj",	  "venv",   "env",   "__pycache__", "third_party"
	};
	static const char *const side[] = { "test", "tests", "testdata", "e2e",	  "fixtures", "example", "examples",
					    "doc",  "docs",  "scripts",	 "tools", "tool",     "bench",	 "benchmarks" };

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		if (*name == '.' || *name == '_' || strcmp(name, foreign[i]) == 0)
			return WALK_PASS;
	}
	for (size_t i = 0; i < ARRAY_SIZE(side); i++) {
		if (strcmp(name, side[i]) == 0)
			return WALK_SAY;
	}
	return WALK_IN;
}

static int walk(struct derive *d, const struct place *p, int depth, unsigned not_wanted)
{
	AUTO_STRV names = { 0 };
	int r = 0;

	place_list(d, p, "", &names);
	for (size_t i = 0; r >= 0 && i < names.count && !d->too_many; i++) {
		AUTO_BUF path = { 0 };
		int way = may_walk(names.items[i]);
		struct place inner = { 0 };
		unsigned found = 0;

		if (way == WALK_PASS || !place_has_dir(d, p, names.items[i]))
			continue;
		place_path(d, p, names.items[i], &path);
		inner.at = buf_str(&path);
		if (place_has(d, &inner, ".git")) /* a repository of its own */
			continue;
		if (way == WALK_SAY) {
			if (marker(d, &inner))
				derived_note(d, "%s/%s: by its name no service", inner.at, marker(d, &inner));
			continue;
		}
		r = derive_air(d, &inner);
		if (r == 0)
			r = derive_place(d, &inner, not_wanted, &found);
		if (r == 0 && depth > 1)
			r = walk(d, &inner, depth - 1, not_wanted);
	}
	return r < 0 ? r : 0;
}

/* What is here already is not looked for below: the modules of one are its parts. */
static int derive_tree(struct derive *d, const struct place *p)
{
	unsigned found = 0;
	int r = derive_procfile(d, p);

	if (r == 0)
		r = derive_compose(d, p);
	if (r != 0)
		return r;
	r = derive_air(d, p);
	if (r != 0)
		found = DERIVE_GO;
	if (r >= 0)
		r = derive_place(d, p, found, &found);
	if (r < 0 || !is_project(d, p))
		return r;
	return walk(d, p, 2, found ? found | DERIVE_BUILT : 0);
}

static int finish(struct derive *d, int r)
{
	if (r >= 0 && d->no_memory)
		r = -ENOMEM;
	if (r < 0)
		derived_done(d->out);
	return r < 0 ? r : 0;
}

int derive(const char *dir, const char *at, struct derived *out, struct buf *error)
{
	struct derive d = { .root = dir, .out = out, .error = error };
	const struct place p = { .at = at };

	return finish(&d, derive_tree(&d, &p));
}

/* ---- a command ---- */

static int one_command(struct derive *d, const struct place *p, const struct strv *words)
{
	struct derived_service *s = derived_add(d, p, place_base(d, p), "");

	if (!s)
		return 0;
	derived_set(d, &s->from, "its command");
	if (words->count == 1) /* one word may be a whole line for the shell */
		derived_command(d, p, s, words->items[0]);
	else if (!derived_split(d, p, s, words))
		derived_words(d, &s->run, words);
	return 0;
}

int derive_apart(const char *dir, const char *at, const char *name, char *const argv[], struct derived *out)
{
	AUTO_BUF error = { 0 };
	struct derive d = { .root = dir, .out = out, .error = &error };
	const struct place p = { .at = at };
	struct derived_service *s = derived_add(&d, &p, name, "");
	AUTO_STRV words = { 0 };
	bool apart = false;
	int r = 0;

	for (size_t i = 0; r == 0 && argv[0] && argv[1] && argv[i]; i++)
		r = strv_add(&words, argv[i]);
	if (r == 0 && argv[0] && !argv[1])
		r = command_words(argv[0], &words) == -ENOMEM ? -ENOMEM : 0;
	if (r == 0 && s && words.count)
		apart = derived_split(&d, &p, s, &words);
	r = finish(&d, r);
	if (!apart && r == 0)
		derived_done(out);
	return r;
}

int derive_command(const char *dir, char *const argv[], struct derived *out, struct buf *error)
{
	struct derive d = { .root = dir, .out = out, .error = error };
	const struct place top = { .at = "" };
	const char *program = path_base(argv[0]);
	AUTO_STRV words = { 0 };
	int r;

	for (size_t i = 0; argv[i]; i++) {
		if (strv_add(&words, argv[i]) < 0)
			return -ENOMEM;
	}
	if (strcmp(program, "watchexec") == 0)
		r = derive_watchexec(&d, &top, argv);
	else if (strcmp(program, "nodemon") == 0)
		r = derive_nodemon(&d, &top, &words, NULL);
	else
		r = one_command(&d, &top, &words);
	return finish(&d, r);
}
