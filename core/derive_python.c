/*
 * Python: Django's manage.py; an application of FastAPI, Starlette, Litestar (by uvicorn) or Flask; else a main file.
 * Each without its own reloader: hrfs does that.
 */
#include "core/derive_parts.h"
#include "core/base/path.h"
#include <ctype.h>
#include <string.h>

void python_of(struct derive *d, const struct place *p, struct buf *out)
{
	static const char *const environments[] = { ".venv/bin/python", "venv/bin/python", "env/bin/python" };
	static const struct {
		const char *file, *command;
	} managers[] = { { "uv.lock", "uv run python" },
			 { "poetry.lock", "poetry run python" },
			 { "Pipfile", "pipenv run python" } };
	const struct place top = { .at = "" };

	for (size_t i = 0; i < ARRAY_SIZE(environments); i++) {
		if (place_has(d, p, environments[i])) {
			if (buf_puts(out, environments[i]) < 0)
				d->no_memory = true;
			return;
		}
		if (place_has(d, &top, environments[i])) {
			place_up(d, p, environments[i], out);
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++) {
		if (place_has(d, p, managers[i].file) || place_has(d, &top, managers[i].file)) {
			if (buf_puts(out, managers[i].command) < 0)
				d->no_memory = true;
			return;
		}
	}
	if (buf_puts(out, "python3") < 0)
		d->no_memory = true;
}

/* ---- applications ---- */

enum framework { NONE, UVICORN, FLASK, PLAIN };

struct found {
	enum framework framework;
	const char *class;
	char name[64]; /* of the variable, or of the function that makes it */
	bool factory;
};

static const struct {
	const char *class;
	enum framework framework;
} classes[] = { { "FastAPI(", UVICORN }, { "Starlette(", UVICORN }, { "Litestar(", UVICORN }, { "Flask(", FLASK } };

static void take_word(const char *from, char out[static 64])
{
	size_t n = 0;

	while (n < 63 && (isalnum((unsigned char)from[n]) || from[n] == '_'))
		n++;
	memcpy(out, from, n);
	out[n] = '\0';
}

/* "app = FastAPI(", "app: FastAPI = fastapi.FastAPI(" */
static bool is_made_in(const char *line, const char *class)
{
	const char *equals = strchr(line, '=');
	const char *at = equals ? strstr(equals, class) : NULL;

	return at && strspn(equals + 1, " ") + (size_t)(equals + 1 - line) <= (size_t)(at - line) &&
	       (at[-1] == ' ' || at[-1] == '=' || at[-1] == '.');
}

static void look_at_line(const char *line, char function[static 64], struct found *f)
{
	if (strncmp(line, "def ", 4) == 0)
		take_word(line + 4, function);
	else if (*line && !isspace((unsigned char)*line) && *line != '#' && *line != ')' && *line != '@')
		if (f->framework == NONE)
			function[0] = '\0';
	for (size_t i = 0; f->framework == NONE && i < ARRAY_SIZE(classes); i++) {
		if (*line == '#' || !is_made_in(line, classes[i].class))
			continue;
		f->factory = isspace((unsigned char)*line);
		if (f->factory && !*function)
			continue;
		f->framework = classes[i].framework;
		f->class = classes[i].class;
		if (f->factory)
			memcpy(f->name, function, sizeof(f->name));
		else
			take_word(line, f->name);
	}
}

/* what a module defines; PLAIN: it is meant to be executed */
static struct found look_at(struct derive *d, const struct place *p, const char *file)
{
	struct found f = { 0 };
	char function[64] = "", *rest, *line;
	bool executed = false;
	AUTO_BUF text = { 0 };

	if (!place_read(d, p, file, &text) || !text.len)
		return f;
	for (rest = text.data; f.framework == NONE && next_line(&rest, &line);) {
		look_at_line(line, function, &f);
		executed = executed || strncmp(line, "if __name__ ==", 14) == 0;
	}
	if (f.framework == NONE && executed)
		f.framework = PLAIN;
	return f;
}

/* ---- where they are ---- */

/* "src/app/main.py": in which directory python begins, "src", and what it is called from there, "app.main" */
struct module {
	char dir[16];
	char dotted[128];
};

static bool module_of(const char *file, struct module *m)
{
	const char *start = file;
	size_t len;

	m->dir[0] = '\0';
	if (strncmp(file, "src/", 4) == 0) {
		strcpy(m->dir, "src");
		start += 4;
	}
	len = strlen(start) - strlen(".py");
	if (len >= sizeof(m->dotted))
		return false;
	for (size_t i = 0; i < len; i++)
		m->dotted[i] = start[i];
	m->dotted[len] = '\0';
	for (char *c = m->dotted; *c; c++)
		*c = *c == '/' ? '.' : *c;
	return true;
}

static struct derived_service *add(struct derive *d, const struct place *p, const char *from)
{
	return derived_add(d, p, p->name ? p->name : place_base(d, p), from);
}

static bool add_application(struct derive *d, const struct place *p, const char *file, const struct found *f)
{
	AUTO_BUF python = { 0 };
	struct derived_service *s;
	struct module m;
	bool by_itself;

	if (!module_of(file, &m))
		return false;
	s = add(d, p, file);
	if (!s)
		return false;
	python_of(d, p, &python);
	/* flask finds a variable or a factory of the usual name by itself */
	by_itself = f->factory || strcmp(f->name, "app") == 0 || strcmp(f->name, "application") == 0;
	if (f->framework == FLASK)
		derived_set(d, &s->run, "%s -m flask --app %s%s%s%s run", buf_str(&python), *m.dir ? "src/" : "",
			    m.dotted, by_itself ? "" : ":", by_itself ? "" : f->name);
	else
		derived_set(d, &s->run, "%s -m uvicorn %s%s%s:%s", buf_str(&python), *m.dir ? "--app-dir src " : "",
			    f->factory ? "--factory " : "", m.dotted, f->name);
	derived_set(d, &s->from, "%s, %.*s", s->from, (int)strlen(f->class) - 1, f->class);
	return true;
}

static const char *const usual[] = { "main", "app", "server", "api", "asgi", "wsgi", "application", "run" };

/* NAME.py here, in src, and in each package of either; the first that fits */
static bool find_in(struct derive *d, const struct place *p, const char *dir, bool plain)
{
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		AUTO_BUF file = { 0 };
		struct found f;

		if (buf_printf(&file, "%s%s%s.py", dir, *dir ? "/" : "", usual[i]) < 0)
			return false;
		f = look_at(d, p, file.data);
		if (f.framework == UVICORN || f.framework == FLASK)
			return !plain && add_application(d, p, file.data, &f);
		if (plain && f.framework == PLAIN) {
			AUTO_BUF python = { 0 };
			struct derived_service *s = add(d, p, file.data);

			python_of(d, p, &python);
			if (s)
				derived_set(d, &s->run, "%s %s", buf_str(&python), file.data);
			return s != NULL;
		}
	}
	return false;
}

/* where an application lies that is not the project's */
static bool is_aside(const char *dir)
{
	static const char *const names[] = { "test", "tests",	     "example", "examples",
					     "docs", "node_modules", "venv",	"env" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(dir, names[i]) == 0)
			return true;
	}
	return *dir == '.' || strchr(dir, ' ');
}

static bool find_application(struct derive *d, const struct place *p)
{
	static const char *const tops[] = { "", "src" };

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		AUTO_STRV names = { 0 };

		if (find_in(d, p, tops[i], false))
			return true;
		place_list(d, p, tops[i], &names);
		for (size_t k = 0; k < names.count; k++) {
			AUTO_BUF dir = { 0 };

			if (is_aside(names.items[k]) || path_join(&dir, tops[i], names.items[k]) < 0)
				continue;
			if (place_has_dir(d, p, dir.data) && find_in(d, p, dir.data, false))
				return true;
		}
	}
	return false;
}

/* a package that is made to be executed: python -m PACKAGE */
static bool find_package(struct derive *d, const struct place *p)
{
	AUTO_STRV names = { 0 };

	place_list(d, p, "", &names);
	for (size_t i = 0; i < names.count; i++) {
		AUTO_BUF main = { 0 };
		AUTO_BUF python = { 0 };
		struct derived_service *s;

		if (buf_printf(&main, "%s/__main__.py", names.items[i]) < 0 || strpbrk(names.items[i], ". -") ||
		    !place_has(d, p, main.data))
			continue;
		s = add(d, p, main.data);
		python_of(d, p, &python);
		if (s)
			derived_set(d, &s->run, "%s -m %s", buf_str(&python), names.items[i]);
		return s != NULL;
	}
	return false;
}

static int derive_django(struct derive *d, const struct place *p)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF python = { 0 };
	struct derived_service *s;

	if (!place_read(d, p, "manage.py", &text) || !strstr(buf_str(&text), "django"))
		return 0;
	s = add(d, p, "manage.py");
	python_of(d, p, &python);
	if (s)
		derived_set(d, &s->run, "%s manage.py runserver --noreload", buf_str(&python));
	return s != NULL;
}

int derive_python(struct derive *d, const struct place *p)
{
	static const char *const signs[] = { "pyproject.toml", "requirements.txt", "setup.py",
					     "setup.cfg",      "Pipfile",	   "uv.lock" };
	bool python = false;
	int r = derive_django(d, p);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		python = python || place_has(d, p, signs[i]);
	/* a single file, without any sign, only where nothing else can be meant */
	if (!python && (*p->at || d->out->count || place_has(d, p, "package.json")))
		return 0;
	if (find_application(d, p))
		return 1;
	return find_in(d, p, "", true) || find_in(d, p, "src", true) || (python && find_package(d, p));
}
