#include "core/toml_parts.h"
#include "core/base/strv.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* ---- lines ---- */

int toml_fail(struct toml_reader *r, const char *format, ...)
{
	va_list args;

	if (r->error->len)
		return -EINVAL;
	buf_printf(r->error, "%s:%d: ", r->file_name, r->line);
	va_start(args, format);
	buf_vprintf(r->error, format, args);
	va_end(args);
	/* what was quoted may reach into the next line */
	for (char *c = r->error->data; c && *c; c++)
		*c = iscntrl((unsigned char)*c) ? ' ' : *c;
	return -EINVAL;
}

void toml_skip_blanks(struct toml_reader *r)
{
	r->at += strspn(r->at, " \t");
}

static int skip_comment(struct toml_reader *r)
{
	if (*r->at != '#')
		return 0;
	for (; r->at < r->end && *r->at != '\n'; r->at++) {
		unsigned char c = (unsigned char)*r->at;

		if ((c < 0x20 && c != '\t' && !(c == '\r' && r->at[1] == '\n')) || c == 0x7f)
			return toml_fail(r, "a control character in a comment");
	}
	return 0;
}

/* 1: there was one */
static int take_newline(struct toml_reader *r)
{
	if (*r->at == '\r' && r->at[1] == '\n')
		r->at++;
	if (*r->at != '\n')
		return 0;
	r->at++;
	r->line++;
	return 1;
}

int toml_skip_lines(struct toml_reader *r)
{
	do {
		toml_skip_blanks(r);
		if (skip_comment(r) < 0)
			return -EINVAL;
	} while (take_newline(r));
	return 0;
}

int toml_end_of_line(struct toml_reader *r)
{
	toml_skip_blanks(r);
	if (skip_comment(r) < 0)
		return -EINVAL;
	if (r->at == r->end || take_newline(r))
		return 0;
	return toml_fail(r, "'%.10s' where the line should end", r->at);
}

/* ---- keys ---- */

static bool is_bare(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static int take_name(struct toml_reader *r, struct strv *path)
{
	AUTO_BUF name = { 0 };
	const char *start = r->at;
	int e;

	if (*r->at == '"' || *r->at == '\'') {
		e = toml_string(r, &name, false);
	} else {
		while (is_bare(*r->at))
			r->at++;
		if (r->at == start)
			return toml_fail(r, "a key is wanted, not '%.10s'", r->at);
		e = buf_put(&name, start, (size_t)(r->at - start));
	}
	return e < 0 ? e : strv_add(path, buf_str(&name));
}

/* a.b."c d" */
static int take_key(struct toml_reader *r, struct strv *path)
{
	for (;;) {
		int e;

		toml_skip_blanks(r);
		e = take_name(r, path);
		if (e < 0)
			return e;
		if (path->count > TOML_MAX_DEPTH)
			return toml_fail(r, "nested more than %d levels deep", TOML_MAX_DEPTH);
		toml_skip_blanks(r);
		if (*r->at != '.')
			return 0;
		r->at++;
	}
}

/* The table that a name in `table` stands for, made where there is none; of a list of tables its last one. */
static int enter(struct toml_reader *r, json_t *table, const char *name, json_t **out)
{
	json_t *there = json_object_get(table, name);

	if (json_is_array(there) && json_array_size(there))
		there = json_array_get(there, json_array_size(there) - 1);
	if (there && !json_is_object(there))
		return toml_fail(r, "'%.60s' is no table: it has a value already", name);
	if (!there) {
		there = json_object();
		if (!there || json_object_set_new(table, name, there) < 0)
			return -ENOMEM;
	}
	*out = there;
	return 0;
}

int toml_pair(struct toml_reader *r, int depth, json_t *table)
{
	AUTO_STRV path = { 0 };
	json_t *value;
	int e = take_key(r, &path);

	for (size_t i = 0; e == 0 && i + 1 < path.count; i++)
		e = enter(r, table, path.items[i], &table);
	if (e < 0)
		return e;
	if (*r->at != '=')
		return toml_fail(r, "'=' is wanted after '%.60s'", path.items[path.count - 1]);
	r->at++;
	toml_skip_blanks(r);
	if (json_object_get(table, path.items[path.count - 1]))
		return toml_fail(r, "'%.60s' is given twice", path.items[path.count - 1]);
	e = toml_value(r, depth, &value);
	if (e < 0)
		return e;
	return json_object_set_new(table, path.items[path.count - 1], value) == 0 ? 0 : -ENOMEM;
}

/* ---- [tables] and [[lists of tables]] ---- */

static int append_table(struct toml_reader *r, json_t *table, const char *name, json_t **out)
{
	json_t *list = json_object_get(table, name);
	json_t *fresh = json_object();

	if (!list) {
		list = json_array();
		json_object_set_new(table, name, list);
	} else if (!json_is_array(list)) {
		json_decref(fresh);
		return toml_fail(r, "'%.60s' is no list of tables", name);
	}
	if (!fresh || json_array_append_new(list, fresh) < 0)
		return -ENOMEM;
	*out = fresh;
	return 0;
}

static int take_header(struct toml_reader *r, json_t *root, struct strv *seen, json_t **table)
{
	AUTO_STRV path = { 0 };
	AUTO_BUF whole = { 0 };
	bool list = r->at[1] == '[';
	int e;

	r->at += list ? 2 : 1;
	*table = root;
	e = take_key(r, &path);
	for (size_t i = 0; e == 0 && i < path.count; i++) {
		bool last = i + 1 == path.count;

		e = buf_printf(&whole, "%s\n", path.items[i]);
		if (e == 0)
			e = list && last ? append_table(r, *table, path.items[i], table)
					 : enter(r, *table, path.items[i], table);
	}
	if (e < 0)
		return e;
	if (strncmp(r->at, list ? "]]" : "]", list ? 2 : 1) != 0)
		return toml_fail(r, "']' is wanted, not '%.10s'", r->at);
	r->at += list ? 2 : 1;
	/* below a list of tables the same header may come again, for the next one */
	if (!list && path.count == 1 && strv_has(seen, whole.data))
		return toml_fail(r, "[%.60s] is given twice", path.items[0]);
	return list ? 0 : strv_add(seen, whole.data);
}

static int take_all(struct toml_reader *r, json_t *root)
{
	AUTO_STRV seen = { 0 };
	json_t *table = root;
	int e = toml_skip_lines(r);

	while (e == 0 && r->at < r->end) {
		e = *r->at == '[' ? take_header(r, root, &seen, &table) : toml_pair(r, 0, table);
		if (e == 0)
			e = toml_end_of_line(r);
		if (e == 0)
			e = toml_skip_lines(r);
	}
	return e;
}

static bool is_utf8(const char *text, size_t len)
{
	json_t *probe = json_stringn(text, len);

	json_decref(probe);
	return probe != NULL;
}

int toml_parse(const char *file_name, const char *text, size_t len, json_t **out, struct buf *error)
{
	AUTO_BUF copy = { 0 };
	struct toml_reader r = { .file_name = file_name, .line = 1, .error = error };
	json_t *root = json_object();
	int e = root ? buf_put(&copy, text, len) : -ENOMEM;

	r.at = buf_str(&copy);
	r.end = r.at + copy.len;
	if (e == 0 && len > TOML_MAX_BYTES)
		e = toml_fail(&r, "larger than %d bytes", TOML_MAX_BYTES);
	if (e == 0 && strlen(r.at) != len)
		e = toml_fail(&r, "a NUL byte");
	if (e == 0 && !is_utf8(text, len))
		e = toml_fail(&r, "no UTF-8");
	if (e == 0)
		e = take_all(&r, root);
	if (e < 0)
		json_decref(root);
	else
		*out = root;
	return e;
}
