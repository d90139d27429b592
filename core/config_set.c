/* One value from the tree into its place in a service, by the type that the table gives its key. */
#include "core/command.h"
#include "core/config_keys.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_ITEMS 256
#define MAX_TEXT 65536

/* what each setter gets: the key's place in the service, and the value */
struct setting {
	struct config_reader *reader;
	const struct config_key *key;
	const struct config_node *node;
	void *at;
};

static int bad(const struct setting *s, const struct config_node *n, const char *why)
{
	return config_fail(s->reader, n->line, "%s: %s; for example: %s", s->key->name, why,
			   s->key->example);
}

/* the text of a scalar, NULL (error set) when it is none */
static const char *scalar(const struct setting *s, const struct config_node *n)
{
	if (n->kind != CONFIG_SCALAR)
		bad(s, n, "a single value is wanted");
	else if (!*n->text)
		bad(s, n, "the value is missing");
	else if (strlen(n->text) > MAX_TEXT)
		bad(s, n, "the value is too long");
	else
		return n->text;
	return NULL;
}

static int set_command(const struct setting *s)
{
	const struct config_node *n = s->node;
	AUTO_STRV words = { 0 };
	AUTO_BUF line = { 0 };
	int r;

	if (n->kind != CONFIG_SEQUENCE) {
		const char *text = scalar(s, n);

		if (!text)
			return -EINVAL;
		r = config_command_set(s->at, text);
		return r == -EINVAL ? bad(s, n, "a quote has no end, or the command is empty") : r;
	}
	if (!n->count || n->count > MAX_ITEMS)
		return bad(s, n, "a command has 1 to 256 words");
	for (size_t i = 0; i < n->count; i++) {
		if (n->children[i].kind != CONFIG_SCALAR)
			return bad(s, &n->children[i], "a word of the command is wanted");
		r = strv_add(&words, n->children[i].text);
		if (r < 0)
			return r;
	}
	if (!*words.items[0])
		return bad(s, n, "the command is empty");
	r = command_line(&words, &line);
	return r < 0 ? r : config_command_set(s->at, buf_str(&line));
}

static int set_number(const struct setting *s)
{
	const char *text = scalar(s, s->node);
	long long number;
	char *end;

	if (!text)
		return -EINVAL;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || *end || number < s->key->min || number > s->key->max)
		return config_fail(s->reader, s->node->line,
				   "%s: a number from %lld to %lld is wanted, not '%.100s'", s->key->name,
				   (long long)s->key->min, (long long)s->key->max, text);
	*(int *)s->at = (int)number;
	return 0;
}

static int set_duration(const struct setting *s)
{
	const char *text = scalar(s, s->node);
	int64_t ms;

	if (!text)
		return -EINVAL;
	if (config_parse_duration(text, &ms) < 0 || ms < s->key->min || ms > s->key->max)
		return bad(s, s->node, "a time of at most an hour is wanted (500ms, 5s, 2m)");
	*(int64_t *)s->at = ms;
	return 0;
}

static int set_signal(const struct setting *s)
{
	const char *text = scalar(s, s->node);
	int number;

	if (!text)
		return -EINVAL;
	number = signal_by_name(text);
	if (!number)
		return bad(s, s->node, "not a signal's name");
	*(int *)s->at = number;
	return 0;
}

static int set_dir(const struct setting *s)
{
	const char *text = scalar(s, s->node);
	char *copy;

	if (!text)
		return -EINVAL;
	if (*text == '/' || strcmp(text, "..") == 0 || strncmp(text, "../", 3) == 0 ||
	    strstr(text, "/../") || (strlen(text) > 2 && strcmp(text + strlen(text) - 3, "/..") == 0))
		return bad(s, s->node, "a directory inside the tree is wanted");
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*(char **)s->at);
	*(char **)s->at = copy;
	return 0;
}

static int set_list(const struct setting *s)
{
	const struct config_node *n = s->node;
	const struct config_node *items = n->kind == CONFIG_SEQUENCE ? n->children : n;
	size_t count = n->kind == CONFIG_SEQUENCE ? n->count : 1;
	AUTO_STRV list = { 0 };

	if (count > MAX_ITEMS)
		return bad(s, n, "more than 256 of them");
	for (size_t i = 0; i < count; i++) {
		const char *text = scalar(s, &items[i]);
		int r;

		if (!text)
			return -EINVAL;
		r = strv_add(&list, text);
		if (r < 0)
			return r;
	}
	strv_done(s->at);
	*(struct strv *)s->at = list;
	list = (struct strv){ 0 };
	return 0;
}

static int compare_env(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int set_env(const struct setting *s)
{
	const struct config_node *n = s->node;
	AUTO_STRV env = { 0 };

	if (n->kind != CONFIG_MAPPING || n->count > MAX_ITEMS)
		return bad(s, n, "a map of at most 256 names to values is wanted");
	for (size_t i = 0; i < n->count; i++) {
		const struct config_node *c = &n->children[i];
		char *item;

		if (!*c->key || strchr(c->key, '=') || c->kind != CONFIG_SCALAR)
			return bad(s, c, "a name and one value are wanted");
		if (asprintf(&item, "%s=%s", c->key, c->text) < 0)
			return -ENOMEM;
		if (strv_take(&env, item) < 0)
			return -ENOMEM;
	}
	if (env.count)
		qsort(env.items, env.count, sizeof(*env.items), compare_env);
	for (size_t i = 1; i < env.count; i++) {
		size_t len = strcspn(env.items[i], "=");

		if (strncmp(env.items[i - 1], env.items[i], len + 1) == 0)
			return config_fail(s->reader, n->line, "env: '%.*s' is given twice", (int)len,
					   env.items[i]);
	}
	strv_done(s->at);
	*(struct strv *)s->at = env;
	env = (struct strv){ 0 };
	return 0;
}

static bool is_socket_name(const char *name)
{
	if (strlen(name) > 64)
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	}
	return true;
}

static int set_listen(const struct setting *s)
{
	const struct config_node *n = s->node;
	const struct config_node *items = n->kind == CONFIG_SCALAR ? n : n->children;
	size_t count = n->kind == CONFIG_SCALAR ? 1 : n->count;
	AUTO_STRV addresses = { 0 };
	AUTO_STRV names = { 0 };
	struct config_listen *out = s->at;

	if (!count || count > 32)
		return bad(s, n, "1 to 32 addresses are wanted");
	for (size_t i = 0; i < count; i++) {
		const char *name = n->kind == CONFIG_MAPPING ? items[i].key : "";
		const char *text = scalar(s, &items[i]);

		if (!text)
			return -EINVAL;
		if (!config_is_address(text))
			return bad(s, &items[i], "not an address");
		if (!is_socket_name(name))
			return bad(s, &items[i], "a name has letters, digits, '-', '_', '.'");
		if (strv_add(&addresses, text) < 0 || strv_add(&names, name) < 0)
			return -ENOMEM;
	}
	strv_done(&out->addresses);
	strv_done(&out->names);
	*out = (struct config_listen){ addresses, names };
	addresses = names = (struct strv){ 0 };
	return 0;
}

static int set_ready(const struct setting *s)
{
	const char *text = scalar(s, s->node);
	int r = text ? config_parse_ready(text, s->at) : -EINVAL;

	if (text && r == -EINVAL)
		return bad(s, s->node, "not one of notify, tcp, http:/PATH, log:REGEX, delay:TIME, exit");
	return r;
}

static int set_reload(const struct setting *s)
{
	const char *text = scalar(s, s->node);
	int r = text ? config_parse_reload(text, s->at) : -EINVAL;

	if (text && r == -EINVAL)
		return bad(s, s->node, "not one of restart, overlap, signal:NAME, exec:COMMAND, none");
	return r;
}

static int set_git(const struct setting *s)
{
	const char *text = scalar(s, s->node);

	if (!text)
		return -EINVAL;
	if (strcmp(text, "head") != 0)
		return bad(s, s->node, "only head is known");
	*(bool *)s->at = true;
	return 0;
}

int config_set(struct config_reader *reader, struct config_service *service,
	       const struct config_key *key, const struct config_node *node)
{
	static int (*const setters[])(const struct setting *s) = {
		[CONFIG_TYPE_COMMAND] = set_command,   [CONFIG_TYPE_LISTEN] = set_listen,
		[CONFIG_TYPE_NUMBER] = set_number,     [CONFIG_TYPE_DURATION] = set_duration,
		[CONFIG_TYPE_SIGNAL] = set_signal,     [CONFIG_TYPE_ENV] = set_env,
		[CONFIG_TYPE_DIR] = set_dir,	       [CONFIG_TYPE_NAMES] = set_list,
		[CONFIG_TYPE_PATTERNS] = set_list,     [CONFIG_TYPE_READY] = set_ready,
		[CONFIG_TYPE_RELOAD] = set_reload,
		[CONFIG_TYPE_GIT] = set_git,
	};
	struct setting s = { reader, key, node, (char *)service + key->offset };

	return setters[key->type](&s);
}
