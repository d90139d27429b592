/* From JSON to a query. */
#include "core/query_term.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SYNC_TIMEOUT_MS 60000

int query_since_parse(const json_t *value, struct query_since *out)
{
	const char *text;

	if (json_is_object(value)) /* the fat form: what depends on a commit is not known here */
		value = json_object_get(value, "clock");
	if (json_is_integer(value)) {
		*out = (struct query_since){ .kind = QUERY_TIME, .time = json_integer_value(value) };
		return 0;
	}
	text = json_string_value(value);
	if (!text)
		return -EINVAL;
	*out = (struct query_since){ .kind = QUERY_FOREIGN };
	if (clock_parse(text, &out->clock) == 0)
		out->kind = QUERY_CLOCK;
	else if (strncmp(text, "c:", 2) != 0 && strncmp(text, "n:", 2) != 0)
		return -EINVAL;
	return 0;
}

static int parse_since(struct query_parser *p, const json_t *value)
{
	if (query_since_parse(value, &p->query->since) < 0)
		return query_say(p, "invalid value for 'since'");
	return 0;
}

static int parse_expression(struct query_parser *p, const json_t *value)
{
	return query_term_parse(p, value, 1, &p->query->expression);
}

static int parse_fields(struct query_parser *p, const json_t *value)
{
	struct query *q = p->query;

	if (!json_is_array(value))
		return query_say(p, "field list must be an array of strings");
	if (json_array_size(value) > QUERY_FIELDS_MAX)
		return query_say(p, "more than %d fields", QUERY_FIELDS_MAX);
	q->field_count = 0;
	for (size_t i = 0; i < json_array_size(value); i++) {
		const char *name = json_string_value(json_array_get(value, i));
		const struct query_field *f = name ? query_field_find(name) : NULL;

		if (!name)
			return query_say(p, "field list must be an array of strings");
		if (!f)
			return query_say(p, "unknown field name '%.100s'", name);
		q->fields[q->field_count++] = f;
	}
	return 0;
}

/* a copy without slashes at its ends */
static char *trimmed(const char *path)
{
	char *copy;
	size_t len;

	path += strspn(path, "/");
	copy = strdup(path);
	for (len = copy ? strlen(copy) : 0; len && copy[len - 1] == '/'; len--)
		copy[len - 1] = '\0';
	return copy;
}

static bool leads_out(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if ((len == 2 && strncmp(path, "..", 2) == 0) || (len == 1 && *path == '.'))
			return true;
		if (!path[len])
			return false;
		path += len + 1;
	}
}

static int parse_relative_root(struct query_parser *p, const json_t *value)
{
	const char *text = json_string_value(value);

	if (!text || *text == '/' || leads_out(text))
		return query_say(p, "'relative_root' must be a string, a path below the root without \".\" and \"..\"");
	p->query->relative_root = trimmed(text);
	if (!p->query->relative_root)
		return -ENOMEM;
	if (!*p->query->relative_root) {
		free(p->query->relative_root);
		p->query->relative_root = NULL;
	}
	return 0;
}

static int add_path(struct query_parser *p, const json_t *value, struct query_path *out)
{
	const char *path = json_string_value(json_is_object(value) ? json_object_get(value, "path") : value);
	const json_t *depth = json_object_get(value, "depth");

	if (!path || (json_is_object(value) && !json_is_integer(depth)))
		return query_say(
			p, "'path' must be an array of strings, or of objects with 'path' and an integer 'depth'");
	if (++p->words > QUERY_WORDS_MAX)
		return query_say(p, "more than %d words in all lists", QUERY_WORDS_MAX);
	out->path = trimmed(path);
	out->depth = depth ? json_integer_value(depth) : -1;
	return out->path ? 0 : -ENOMEM;
}

static int parse_paths(struct query_parser *p, const json_t *value)
{
	size_t count = json_array_size(value);
	int r = 0;

	if (!json_is_array(value))
		return query_say(p, "'path' must be an array");
	p->query->paths = calloc(count + 1, sizeof(struct query_path));
	if (!p->query->paths)
		return -ENOMEM;
	p->query->has_paths = true;
	for (size_t i = 0; r == 0 && i < count; i++) {
		p->query->path_count = i + 1;
		r = add_path(p, json_array_get(value, i), &p->query->paths[i]);
	}
	return r;
}

static int parse_globs(struct query_parser *p, const json_t *value)
{
	int r;

	if (!json_is_array(value))
		return query_say(p, "'glob' must be an array");
	p->query->has_globs = true;
	r = query_words(p, value, false, "'glob'", &p->query->globs);
	for (size_t i = 0; r == 0 && i < p->query->globs.count; i++) {
		if (p->query->globs.items[i][0] == '/')
			r = query_say(p, "glob `%.100s` is an absolute path.  All globs must be relative paths!",
				      p->query->globs.items[i]);
	}
	return r;
}

static int parse_suffixes(struct query_parser *p, const json_t *value)
{
	p->query->has_suffixes = true;
	return query_words(p, value, true, "'suffix'", &p->query->suffixes);
}

static int parse_time_out(struct query_parser *p, const json_t *value)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return query_say(p, "sync_timeout must be an integer value >= 0");
	p->query->sync_timeout_ms = json_integer_value(value);
	return 0;
}

static int parse_ignored_number(struct query_parser *p, const json_t *value)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return query_say(p, "lock_timeout must be an integer value >= 0");
	return 0;
}

static int take_flag(struct query_parser *p, const json_t *value, const char *name, bool *out)
{
	if (!json_is_boolean(value))
		return query_say(p, "%s must be a boolean", name);
	*out = json_is_true(value);
	return 0;
}

static int parse_case(struct query_parser *p, const json_t *value)
{
	bool sensitive = true;
	int r = take_flag(p, value, "case_sensitive", &sensitive);

	p->query->case_insensitive = !sensitive;
	return r;
}

static int parse_dotfiles(struct query_parser *p, const json_t *value)
{
	return take_flag(p, value, "glob_includedotfiles", &p->query->glob_dotfiles);
}

static int parse_noescape(struct query_parser *p, const json_t *value)
{
	return take_flag(p, value, "glob_noescape", &p->query->glob_noescape);
}

static int parse_dedup(struct query_parser *p, const json_t *value)
{
	return take_flag(p, value, "dedup_results", &p->query->dedup_results);
}

static int parse_empty(struct query_parser *p, const json_t *value)
{
	return take_flag(p, value, "empty_on_fresh_instance", &p->query->empty_on_fresh_instance);
}

static int parse_directories(struct query_parser *p, const json_t *value)
{
	bool always; /* they are always included */

	return take_flag(p, value, "always_include_directories", &always);
}

/* In this order: whether case counts must be known before the expression. */
static const struct {
	const char *key;
	int (*parse)(struct query_parser *p, const json_t *value);
} keys[] = {
	{ "case_sensitive", parse_case },
	{ "sync_timeout", parse_time_out },
	{ "lock_timeout", parse_ignored_number },
	{ "dedup_results", parse_dedup },
	{ "relative_root", parse_relative_root },
	{ "empty_on_fresh_instance", parse_empty },
	{ "always_include_directories", parse_directories },
	{ "path", parse_paths },
	{ "glob", parse_globs },
	{ "glob_includedotfiles", parse_dotfiles },
	{ "glob_noescape", parse_noescape },
	{ "suffix", parse_suffixes },
	{ "since", parse_since },
	{ "expression", parse_expression },
	{ "fields", parse_fields },
};

static void default_fields(struct query *q)
{
	static const char *const names[] = { "name", "exists", "new", "size", "mode" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		q->fields[q->field_count++] = query_field_find(names[i]);
}

static int parse_keys(struct query_parser *p, const json_t *object)
{
	struct query *q = p->query;
	int r = 0;

	if (!json_is_object(object))
		return query_say(p, "the query must be an object");
	default_fields(q);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++) {
		const json_t *value = json_object_get(object, keys[i].key);

		if (value)
			r = keys[i].parse(p, value);
	}
	if (r == 0 && q->has_globs && q->has_suffixes)
		r = query_say(p, "'suffix' cannot be used together with the 'glob' generator");
	q->needs_stat = query_term_needs_stat(q->expression);
	q->by_name = query_term_is_by_name(q->expression);
	for (size_t i = 0; i < q->field_count; i++) {
		q->needs_stat = q->needs_stat || q->fields[i]->needs_stat;
		q->by_name = q->by_name && strcmp(q->fields[i]->name, "name") == 0;
	}
	return r;
}

int query_parse(const json_t *object, struct query **out, struct buf *error)
{
	struct query *q = calloc(1, sizeof(*q));
	struct query_parser p = { .query = q, .error = error };
	int r;

	if (!q)
		return -ENOMEM;
	q->sync_timeout_ms = SYNC_TIMEOUT_MS;
	r = parse_keys(&p, object);
	if (r < 0) {
		query_free(q);
		return r;
	}
	*out = q;
	return 0;
}

void query_free(struct query *q)
{
	if (!q)
		return;
	query_term_free(q->expression);
	free(q->relative_root);
	for (size_t i = 0; i < q->path_count; i++)
		free(q->paths[i].path);
	free(q->paths);
	strv_done(&q->globs);
	strv_done(&q->suffixes);
	free(q);
}

/* ---- find and since: a list of patterns ---- */

static int add_pattern(json_t *list, const char *pattern, bool negated)
{
	json_t *term = json_pack("[s,s,s]", "match", pattern, "wholename");

	if (term && negated)
		term = json_pack("[s,o]", "not", term);
	return term && json_array_append_new(list, term) == 0 ? 0 : -ENOMEM;
}

/* included and excluded: ["anyof", …] */
static int sort_patterns(const json_t *args, size_t first, json_t *included, json_t *excluded, struct buf *error)
{
	bool include = true, negated = false;
	int r = 0;

	for (size_t i = first; r == 0 && i < json_array_size(args); i++) {
		const char *arg = json_string_value(json_array_get(args, i));

		if (!arg) {
			buf_printf(error, "failed to parse query: rule @ position %zu is not a string value", i);
			return -EINVAL;
		}
		if (strcmp(arg, "--") == 0)
			break;
		if (strcmp(arg, "-p") == 0 || strcmp(arg, "-P") == 0) {
			buf_puts(error,
				 "failed to parse query: regular expressions are not offered, patterns are (*.c)");
			return -EINVAL;
		}
		if (strcmp(arg, "-X") == 0 || strcmp(arg, "-I") == 0) {
			include = arg[1] == 'I';
		} else if (strcmp(arg, "!") == 0) {
			negated = true;
		} else {
			r = add_pattern(include ? included : excluded, arg, negated);
			negated = false;
		}
	}
	return r;
}

static json_t *expression_of(json_t *included, json_t *excluded)
{
	bool some = json_array_size(included) > 1, but = json_array_size(excluded) > 1;

	if (some && but)
		return json_pack("[s,[s,O],O]", "allof", "not", excluded, included);
	if (but)
		return json_pack("[s,O]", "not", excluded);
	return some ? json_incref(included) : json_string("true");
}

json_t *query_of_patterns(const json_t *args, size_t first, struct buf *error)
{
	json_t *included = json_pack("[s]", "anyof"), *excluded = json_pack("[s]", "anyof");
	json_t *query = NULL;

	if (included && excluded && sort_patterns(args, first, included, excluded, error) == 0) {
		query = json_pack("{s:o,s:[s,s,s,s,s,s,s,s,s,s,s,s,s,s]}", "expression",
				  expression_of(included, excluded), "fields", "name", "exists", "size", "mode", "uid",
				  "gid", "mtime", "ctime", "ino", "dev", "nlink", "new", "cclock", "oclock");
	}
	json_decref(included);
	json_decref(excluded);
	if (!query && !error->len)
		buf_puts(error, "out of memory");
	return query;
}
