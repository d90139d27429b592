/*
 * compose.yaml: what it builds from directories of this tree runs here, each by what its directory is; what comes as an
 * image (a database) stays with compose.
 */
#include "core/derive_parts.h"
#include "core/base/path.h"
#include "core/config_keys.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

struct compose {
	const char *file;
	struct config_node root;
	const struct config_node *services;
};

static const struct config_node *child(const struct config_node *n, const char *key)
{
	for (size_t i = 0; n && n->kind == CONFIG_MAPPING && i < n->count; i++) {
		if (strcmp(n->children[i].key, key) == 0)
			return &n->children[i];
	}
	return NULL;
}

static const char *text_of(const struct config_node *n)
{
	return n && n->kind == CONFIG_SCALAR && *n->text ? n->text : NULL;
}

/* the directory that it is built from; NULL: it is an image */
static const char *context_of(const struct config_node *service)
{
	const struct config_node *build = child(service, "build");
	const char *context = text_of(build);

	if (!context && build)
		context = text_of(child(build, "context")) ? text_of(child(build, "context")) : ".";
	return context;
}

/* ---- what is taken over besides ---- */

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at++) {
		bool left = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_' || at[-1] == '-');
		bool right = !(isalnum((unsigned char)at[len]) || at[len] == '_' || at[len] == '-');

		if (left && right)
			return true;
	}
	return false;
}

/* a value that only compose understands: a variable of its own, or another service as a host */
static bool is_inside(const struct compose *c, const char *value)
{
	if (strchr(value, '$'))
		return true;
	for (size_t i = 0; i < c->services->count; i++) {
		const char *name = c->services->children[i].key;

		if (strcmp(value, name) == 0)
			return true;
		/* as a host: "@db", "//db", "db:5432" */
		if (has_word(value, name) && (strchr(value, ':') || strchr(value, '@') || strstr(value, "//")))
			return true;
	}
	return false;
}

static void take_variable(struct derive *d, const struct compose *c, struct derived_service *s, const char *name,
			  const char *value)
{
	if (!*name || !value || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")])
		return;
	if (is_inside(c, value))
		derived_note(d, "%s: %s of %s, '%s': it means something inside of compose only", c->file, name, s->name,
			     value);
	else if (strcmp(name, "PORT") != 0)
		derived_list(d, &s->env, "%s=%s", name, value);
}

static void take_environment(struct derive *d, const struct compose *c, struct derived_service *s,
			     const struct config_node *service)
{
	const struct config_node *env = child(service, "environment");

	for (size_t i = 0; env && i < env->count; i++) {
		const struct config_node *n = &env->children[i];
		AUTO_FREE char *pair = NULL;

		if (n->kind != CONFIG_SCALAR)
			continue;
		pair = strdup(n->text);
		if (!pair) {
			d->no_memory = true;
		} else if (n->key) {
			take_variable(d, c, s, n->key, pair);
		} else if (strchr(pair, '=')) {
			*strchr(pair, '=') = '\0';
			take_variable(d, c, s, pair, pair + strlen(pair) + 1);
		}
	}
}

/* "127.0.0.1:8080:80/tcp": the host's, under which people know it */
static int port_of(const struct config_node *service)
{
	const struct config_node *ports = child(service, "ports");
	const char *text = ports && ports->count ? text_of(&ports->children[0]) : NULL;
	AUTO_FREE char *copy = NULL;
	char *colon;
	int port;

	if (ports && ports->count && ports->children[0].kind == CONFIG_MAPPING)
		text = text_of(child(&ports->children[0], "published"));
	copy = text ? strdup(text) : NULL;
	if (!copy)
		return 0;
	copy[strcspn(copy, "/")] = '\0';
	colon = strrchr(copy, ':');
	if (colon) {
		*colon = '\0';
		colon = strrchr(copy, ':');
	}
	text = colon ? colon + 1 : copy;
	port = text[strspn(text, "0123456789")] || !*text ? 0 : atoi(text);
	return port > 0 && port < 65536 ? port : 0;
}

/* ---- services ---- */

/* Its directory says nothing, but it says itself what runs in it. 1; 0: it doesn't */
static int add_command(struct derive *d, const struct place *p, const struct config_node *service)
{
	const char *command = text_of(child(service, "command"));
	struct derived_service *s = command ? derived_add(d, p, service->key, "") : NULL;

	if (!s)
		return 0;
	derived_set(d, &s->from, "command");
	derived_command(d, p, s, command);
	return 1;
}

static int add_built(struct derive *d, const struct place *top, const struct compose *c,
		     const struct config_node *service, const char *context)
{
	AUTO_BUF at = { 0 };
	size_t before = d->out->count;
	struct place p = { .name = service->key };
	unsigned found = 0;
	int r;

	while (strncmp(context, "./", 2) == 0)
		context += 2;
	if (*context == '/' || strstr(context, "..") || strpbrk(context, ":$")) {
		derived_note(d, "%s: %s is built from %s, outside of this tree", c->file, service->key, context);
		return 0;
	}
	place_path(d, top, strcmp(context, ".") == 0 ? "" : context, &at);
	while (at.len && at.data[at.len - 1] == '/')
		buf_truncate(&at, at.len - 1);
	p.at = buf_str(&at);
	r = derive_air(d, &p);
	if (r == 0)
		r = derive_place(d, &p, 0, &found);
	if (r == 0)
		r = add_command(d, &p, service);
	if (r == 0)
		derived_note(d, "%s: %s: nothing in %s says how it runs without its image", c->file, service->key,
			     *p.at ? p.at : "this directory");
	for (size_t i = before; r > 0 && i < d->out->count; i++) {
		struct derived_service *s = &d->out->services[i];

		derived_set(d, &s->from, "%s, %s", c->file, s->from);
		take_environment(d, c, s, service);
		if (i == before && !s->port)
			s->port = port_of(service);
	}
	return r;
}

static int add_all(struct derive *d, const struct place *top, const struct compose *c)
{
	AUTO_BUF images = { 0 };
	int total = 0;

	for (size_t i = 0; i < c->services->count; i++) {
		const struct config_node *service = &c->services->children[i];
		const char *context = context_of(service);
		int r = 0;

		if (context)
			r = add_built(d, top, c, service, context);
		else if (buf_printf(&images, " %s", service->key) < 0)
			d->no_memory = true;
		if (r < 0)
			return r;
		total += r;
	}
	if (images.len)
		derived_note(d, "%s:%s, as images: docker compose up -d%s", c->file, images.data, images.data);
	return total;
}

int derive_compose(struct derive *d, const struct place *p)
{
	static const char *const files[] = { "compose.yaml", "compose.yml", "docker-compose.yaml",
					     "docker-compose.yml" };
	struct compose c = { 0 };
	AUTO_BUF text = { 0 };
	AUTO_BUF why = { 0 };
	struct config_reader reader = { NULL, &why };
	size_t f = 0;
	int r;

	while (f < ARRAY_SIZE(files) && !place_read(d, p, files[f], &text))
		f++;
	if (f == ARRAY_SIZE(files))
		return 0;
	c.file = reader.file_name = files[f];
	r = config_read_yaml(&reader, buf_str(&text), text.len, &c.root);
	if (r == -EINVAL) { /* what compose allows and is not read here: the directories say enough */
		derived_note(d, "%s", buf_str(&why));
		return 0;
	}
	c.services = child(&c.root, "services");
	r = r == 0 && c.services && c.services->kind == CONFIG_MAPPING ? add_all(d, p, &c) : r;
	config_node_done(&c.root);
	return r;
}
