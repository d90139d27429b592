/* From the tree to services: which keys stand where, what is inherited, whether it makes sense together. */
#include "core/config.h"
#include "core/command.h"
#include "core/config_keys.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

int config_fail(struct config_reader *r, int line, const char *format, ...)
{
	size_t len;
	va_list args;
	int e;

	buf_truncate(r->error, 0);
	e = buf_printf(r->error, "%s:%d: ", r->file_name, line);
	len = r->error->len;
	va_start(args, format);
	if (e == 0)
		e = buf_vprintf(r->error, format, args);
	va_end(args);
	if (e < 0)
		return e;
	/* what it quotes comes from the file: one line, nothing that moves a terminal's cursor */
	for (; len < r->error->len; len++) {
		if (iscntrl((unsigned char)r->error->data[len]))
			r->error->data[len] = '?';
	}
	return -EINVAL;
}

static int unknown_key(struct config_reader *r, const struct config_node *n, const char *where,
		       bool top)
{
	const char *names[32];
	const char *near;
	size_t count = 0;

	if (top)
		names[count++] = "services";
	for (size_t i = 0; i < config_service_key_count; i++) {
		if (!top || config_service_keys[i].top_too)
			names[count++] = config_service_keys[i].name;
	}
	near = config_nearest(n->key, names, count);
	if (near)
		return config_fail(r, n->line, "%s: unknown key '%.100s'; did you mean '%s'?", where,
				   n->key, near);
	for (size_t i = 0; top && i < config_service_key_count; i++) {
		if (strcmp(config_service_keys[i].name, n->key) == 0)
			return config_fail(r, n->line, "'%s' belongs to a service: services: NAME: %s:",
					   n->key, n->key);
	}
	return config_fail(r, n->line, "%s: unknown key '%.100s'", where, n->key);
}

/* a key of a service, or one of the top level that is for all; 1: not known */
static int read_key(struct config_reader *r, const struct config_node *n, bool top,
		    struct config_service *s)
{
	for (size_t i = 0; i < config_service_key_count; i++) {
		const struct config_key *key = &config_service_keys[i];

		if (strcmp(key->name, n->key) != 0 || (top && !key->top_too))
			continue;
		if (s->set & (1u << i))
			return config_fail(r, n->line, "'%s' is given twice", n->key);
		s->set |= 1u << i;
		return config_set(r, s, key, n);
	}
	return 1;
}

static void set_fallbacks(struct config_service *s)
{
	for (size_t i = 0; i < config_service_key_count; i++) {
		const struct config_key *key = &config_service_keys[i];
		void *at = (char *)s + key->offset;

		if (key->type == CONFIG_TYPE_DURATION)
			*(int64_t *)at = key->fallback;
		else if (key->type == CONFIG_TYPE_SIGNAL)
			*(int *)at = (int)key->fallback;
	}
}

static bool is_service_name(const char *name)
{
	if (!*name || strlen(name) > CONFIG_MAX_NAME || *name == '-' || *name == '.')
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	}
	return true;
}

static int read_service(struct config_reader *r, const struct config_node *n,
			struct config_service *s)
{
	AUTO_BUF where = { 0 };
	int e = buf_printf(&where, "services.%s", n->key);

	if (e < 0)
		return e;
	s->line = n->line;
	s->name = strdup(n->key);
	if (!s->name)
		return -ENOMEM;
	set_fallbacks(s);
	if (n->kind != CONFIG_MAPPING)
		return config_fail(r, n->line, "%s: keys are wanted: build:, run:, …", buf_str(&where));
	for (size_t i = 0; i < n->count; i++) {
		e = read_key(r, &n->children[i], false, s);
		if (e > 0)
			e = unknown_key(r, &n->children[i], buf_str(&where), false);
		if (e < 0)
			return e;
	}
	if (!s->run.line && !s->build.line && !s->check.line)
		return config_fail(r, n->line, "%s: has nothing to do: give it run:, build: or check:",
				   buf_str(&where));
	if (s->reload.kind == CONFIG_RELOAD_OVERLAP && !s->listen.addresses.count)
		return config_fail(r, n->line, "%s: reload: overlap needs listen:, else the new one finds its port taken by the old",
				   buf_str(&where));
	if (s->ready.kind == CONFIG_READY_EXIT && (s->listen.addresses.count || s->port))
		return config_fail(r, n->line, "%s: ready: exit is for a command that ends, which needs no %s:",
				   buf_str(&where), s->port ? "port" : "listen");
	return 0;
}

static int read_services(struct config_reader *r, const struct config_node *n, struct config *c)
{
	if (n->kind != CONFIG_MAPPING)
		return config_fail(r, n->line, "services: a map from names to services is wanted");
	if (n->count > CONFIG_MAX_SERVICES)
		return config_fail(r, n->line, "more than %d services", CONFIG_MAX_SERVICES);
	c->services = calloc(n->count + 1, sizeof(*c->services));
	if (!c->services)
		return -ENOMEM;
	for (size_t i = 0; i < n->count; i++) {
		const struct config_node *child = &n->children[i];
		int e;

		if (!is_service_name(child->key))
			return config_fail(r, child->line, "services: '%.100s' is no name for a service (letters, digits, '-', '_', '.', at most %d)",
					   child->key, CONFIG_MAX_NAME);
		if (config_find(c, child->key))
			return config_fail(r, child->line, "services: '%s' is given twice", child->key);
		e = read_service(r, child, &c->services[c->count++]);
		if (e < 0)
			return e;
	}
	return 0;
}

static size_t env_name_len(const char *item)
{
	return strcspn(item, "=");
}

/* the top level's variables that the service does not set itself */
static int inherit_env(struct strv *own, const struct strv *top)
{
	for (size_t i = 0; i < top->count; i++) {
		size_t len = env_name_len(top->items[i]) + 1, k = 0;

		while (k < own->count && strncmp(own->items[k], top->items[i], len) != 0)
			k++;
		if (k == own->count && strv_add(own, top->items[i]) < 0)
			return -ENOMEM;
	}
	/* sorted, so that two files which mean the same compare equal */
	for (size_t i = 1; i < own->count; i++) {
		for (size_t k = i; k > 0 && strcmp(own->items[k - 1], own->items[k]) > 0; k--) {
			char *swap = own->items[k];

			own->items[k] = own->items[k - 1];
			own->items[k - 1] = swap;
		}
	}
	return 0;
}

static int inherit_key(struct config_service *s, const struct config_service *top,
		       const struct config_key *key)
{
	const void *from = (const char *)top + key->offset;
	void *to = (char *)s + key->offset;

	switch (key->type) {
	case CONFIG_TYPE_DURATION:
		*(int64_t *)to = *(const int64_t *)from;
		return 0;
	case CONFIG_TYPE_SIGNAL:
		*(int *)to = *(const int *)from;
		return 0;
	case CONFIG_TYPE_DIR:
		*(char **)to = strdup(*(char *const *)from);
		return *(char **)to ? 0 : -ENOMEM;
	case CONFIG_TYPE_PATTERNS:
		return strv_add_all(to, from);
	default:
		return -EINVAL; /* no other type may stand at the top level: a unit test looks */
	}
}

static int inherit(struct config_service *s, const struct config_service *top)
{
	for (size_t i = 0; i < config_service_key_count; i++) {
		const struct config_key *key = &config_service_keys[i];
		int e = 0;

		if (!(top->set & (1u << i)))
			continue;
		if (key->type == CONFIG_TYPE_ENV)
			e = inherit_env((void *)((char *)s + key->offset),
					(const void *)((const char *)top + key->offset));
		else if (!(s->set & (1u << i)))
			e = inherit_key(s, top, key);
		if (e < 0)
			return e;
		s->set |= 1u << i;
	}
	return 0;
}

/* `after` that comes back to where it began would wait for itself; depth-first, marks: 0 new, 1 on the way, 2 done */
static int check_after(struct config_reader *r, const struct config *c, size_t i, char *marks)
{
	const struct config_service *s = &c->services[i];

	marks[i] = 1;
	for (size_t k = 0; k < s->after.count; k++) {
		const struct config_service *other = config_find(c, s->after.items[k]);
		size_t o;
		int e = 0;

		if (!other)
			return config_fail(r, s->line, "services.%s: after: there is no service '%.100s'",
					   s->name, s->after.items[k]);
		o = (size_t)(other - c->services);
		if (marks[o] == 1)
			return config_fail(r, s->line, "services.%s: after: it would wait for itself, through '%s'",
					   s->name, other->name);
		if (marks[o] == 0)
			e = check_after(r, c, o, marks);
		if (e < 0)
			return e;
	}
	marks[i] = 2;
	return 0;
}

static int read_root(struct config_reader *r, const struct config_node *root, struct config *c)
{
	char marks[CONFIG_MAX_SERVICES] = { 0 };
	bool services = false;
	int e = 0;

	if (root->kind != CONFIG_MAPPING)
		return config_fail(r, root->line, "services: is wanted at the top level");
	for (size_t i = 0; e == 0 && i < root->count; i++) {
		const struct config_node *n = &root->children[i];

		if (strcmp(n->key, "services") == 0) {
			e = services ? config_fail(r, n->line, "'services' is given twice") :
				       read_services(r, n, c);
			services = true;
			continue;
		}
		e = read_key(r, n, true, &c->defaults);
		if (e > 0)
			e = unknown_key(r, n, "at the top level", true);
	}
	for (size_t i = 0; e == 0 && i < c->count; i++)
		e = inherit(&c->services[i], &c->defaults);
	for (size_t i = 0; e == 0 && i < c->count; i++) {
		if (marks[i] == 0)
			e = check_after(r, c, i, marks);
	}
	return e;
}

int config_parse(const char *file_name, const char *text, size_t len, struct config **out,
		 struct buf *error)
{
	struct config_reader r = { file_name, error };
	struct config_node root = { 0 };
	struct config *c;
	int e;

	if (len > CONFIG_MAX_BYTES)
		return config_fail(&r, 1, "larger than %d bytes", CONFIG_MAX_BYTES);
	e = config_read_yaml(&r, text, len, &root);
	if (e < 0)
		return e;
	c = calloc(1, sizeof(*c));
	if (c)
		set_fallbacks(&c->defaults);
	e = c ? read_root(&r, &root, c) : -ENOMEM;
	config_node_done(&root);
	if (e < 0)
		config_free(c);
	else
		*out = c;
	return e;
}

int config_from_command(const char *name, char *const argv[], struct config **out)
{
	struct config *c = calloc(1, sizeof(*c));
	AUTO_STRV words = { 0 };
	AUTO_BUF line = { 0 };
	int e = c ? 0 : -ENOMEM;

	if (e == 0)
		c->services = calloc(1, sizeof(*c->services));
	if (e == 0 && !c->services)
		e = -ENOMEM;
	for (size_t i = 0; e == 0 && argv[i]; i++)
		e = strv_add(&words, argv[i]);
	if (e == 0)
		e = words.count == 1 ? buf_puts(&line, argv[0]) : command_line(&words, &line);
	if (e == 0) {
		c->count = 1;
		set_fallbacks(&c->services[0]);
		c->services[0].set |= 1u << 1;
		e = config_command_set(&c->services[0].run, buf_str(&line));
	}
	if (e == 0 && words.count > 1) {
		/* the shell has read these words already: no second reading */
		strv_done(&c->services[0].run.argv);
		c->services[0].run.argv = words;
		words = (struct strv){ 0 };
	}
	if (e == 0) {
		c->services[0].name = strdup(name);
		e = c->services[0].name ? 0 : -ENOMEM;
	}
	if (e < 0)
		config_free(c);
	else
		*out = c;
	return e;
}

int config_set_commands(struct config_service *s, const char *build, const char *run)
{
	int e = config_command_set(&s->build, build);

	if (e == 0)
		e = config_command_set(&s->run, run);
	s->set |= 3u;
	return e;
}
