/* From JSON to terms. */
#include "core/query_term.h"
#include <errno.h>
#include <string.h>

#define MANY 8 /* words from which on a set is quicker than a walk */

const char *const query_compare_names[] = { "eq", "ne", "gt", "ge", "lt", "le", NULL };
const char *const query_clock_field_names[] = { "oclock", "cclock", "mtime", "ctime", NULL };

int query_say(struct query_parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (buf_puts(p->error, "failed to parse query: ") == 0)
		buf_vprintf(p->error, format, args);
	va_end(args);
	return -EINVAL;
}

static int index_of(const char *const *names, const json_t *value)
{
	const char *text = json_string_value(value);

	for (int i = 0; text && names[i]; i++) {
		if (strcmp(names[i], text) == 0)
			return i;
	}
	return -1;
}

static void fold_case(char *s)
{
	for (; *s; s++) {
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + ('a' - 'A'));
	}
}

static int add_word(struct query_parser *p, const json_t *value, bool fold, const char *what, struct strv *out)
{
	const char *text = json_string_value(value);
	int r;

	if (!text)
		return query_say(p, "%s must be a string or a list of strings", what);
	if (++p->words > QUERY_WORDS_MAX)
		return query_say(p, "more than %d words in all lists", QUERY_WORDS_MAX);
	r = strv_add(out, text);
	if (r == 0 && fold)
		fold_case(out->items[out->count - 1]);
	return r;
}

int query_words(struct query_parser *p, const json_t *value, bool fold, const char *what, struct strv *out)
{
	int r = 0;

	if (!json_is_array(value))
		return add_word(p, value, fold, what, out);
	for (size_t i = 0; r == 0 && i < json_array_size(value); i++)
		r = add_word(p, json_array_get(value, i), fold, what, out);
	return r;
}

static int make_set(struct query_term *t)
{
	int r = 0;

	for (size_t i = 0; r == 0 && t->words.count > MANY && i < t->words.count; i++)
		r = map_put(&t->set, t->words.items[i], strlen(t->words.items[i]), t);
	return r;
}

/* ---- one function for each form of a term; `name` is as the user wrote it ---- */

static int parse_not(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		     struct query_term *t)
{
	if (json_array_size(value) != 2)
		return query_say(p, "must use [\"not\", expr]");
	t->below = calloc(1, sizeof(*t->below));
	if (!t->below)
		return -ENOMEM;
	t->count = 1;
	return query_term_parse(p, json_array_get(value, 1), depth + 1, &t->below[0]);
}

static int parse_list(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		      struct query_term *t)
{
	size_t count = json_array_size(value);
	int r = 0;

	if (count < 2)
		return query_say(p, "must use [\"%s\", expr...]", name);
	if (count > QUERY_TERMS_MAX)
		return query_say(p, "more than %d terms", QUERY_TERMS_MAX);
	t->below = calloc(count - 1, sizeof(*t->below));
	if (!t->below)
		return -ENOMEM;
	for (size_t i = 1; r == 0 && i < count; i++) {
		t->count = i;
		r = query_term_parse(p, json_array_get(value, i), depth + 1, &t->below[i - 1]);
	}
	return r;
}

/* basename or wholename, when it is given */
static int parse_scope(struct query_parser *p, const json_t *value, const char *name, struct query_term *t)
{
	const char *scope = json_string_value(value);

	if (!value)
		return 0;
	if (scope && strcmp(scope, "wholename") == 0)
		t->wholename = true;
	else if (!scope || strcmp(scope, "basename") != 0)
		return query_say(p, "the scope of \"%s\" must be \"basename\" or \"wholename\"", name);
	return 0;
}

static int parse_name(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		      struct query_term *t)
{
	int r;

	if (json_array_size(value) < 2 || json_array_size(value) > 3)
		return query_say(p, "must use [\"%s\", name or list of names, scope]", name);
	t->casefold = t->casefold || *name == 'i';
	t->is_list = json_is_array(json_array_get(value, 1));
	r = query_words(p, json_array_get(value, 1), t->casefold, name, &t->words);
	if (r == 0)
		r = parse_scope(p, json_array_get(value, 2), name, t);
	return r < 0 ? r : make_set(t);
}

static int parse_flag(struct query_parser *p, const json_t *options, const char *key, const char *name, bool *out)
{
	const json_t *value = json_object_get(options, key);

	if (value && !json_is_boolean(value))
		return query_say(p, "%s of \"%s\" must be true or false", key, name);
	*out = json_is_true(value);
	return 0;
}

static int parse_match(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		       struct query_term *t)
{
	const json_t *options = json_array_get(value, 3);
	int r;

	if (json_array_size(value) < 2 || json_array_size(value) > 4 || !json_is_string(json_array_get(value, 1)))
		return query_say(p, "must use [\"%s\", pattern, scope, options]", name);
	if (options && !json_is_object(options))
		return query_say(p, "the options of \"%s\" must be an object", name);
	t->casefold = t->casefold || *name == 'i';
	r = query_words(p, json_array_get(value, 1), false, name, &t->words);
	if (r == 0)
		r = parse_scope(p, json_array_get(value, 2), name, t);
	if (r == 0)
		r = parse_flag(p, options, "noescape", name, &t->noescape);
	return r < 0 ? r : parse_flag(p, options, "includedotfiles", name, &t->dotfiles);
}

static int parse_suffix(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
			struct query_term *t)
{
	int r;

	if (json_array_size(value) != 2)
		return query_say(p, "must use [\"suffix\", suffix or list of suffixes]");
	t->is_list = json_is_array(json_array_get(value, 1));
	r = query_words(p, json_array_get(value, 1), true, name, &t->words);
	return r < 0 ? r : make_set(t);
}

/* [what, "ge", 3] */
static int parse_compare(struct query_parser *p, const json_t *value, const char *what, struct query_term *t)
{
	int op = index_of(query_compare_names, json_array_get(value, 1));
	const json_t *operand = json_array_get(value, 2);

	if (json_array_size(value) != 3 || op < 0 || !json_is_integer(operand))
		return query_say(p, "must use [\"%s\", \"eq\", \"ne\", \"gt\", \"ge\", \"lt\" or \"le\", integer]",
				 what);
	t->compare = (enum query_compare)op;
	t->operand = json_integer_value(operand);
	return 0;
}

static void trim_slashes(char *s)
{
	size_t len = strlen(s);

	while (len && s[len - 1] == '/')
		s[--len] = '\0';
}

static int parse_dirname(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
			 struct query_term *t)
{
	const json_t *limit = json_array_get(value, 2);
	const char *what = json_string_value(json_array_get(limit, 0));
	int r;

	if (json_array_size(value) < 2 || json_array_size(value) > 3 || !json_is_string(json_array_get(value, 1)))
		return query_say(p, "must use [\"%s\", directory, [\"depth\", comparison, integer]]", name);
	t->casefold = t->casefold || *name == 'i';
	t->compare = COMPARE_GE;
	r = query_words(p, json_array_get(value, 1), t->casefold, name, &t->words);
	if (r < 0)
		return r;
	trim_slashes(t->words.items[0]);
	if (!limit)
		return 0;
	if (!what || strcmp(what, "depth") != 0)
		return query_say(p, "the third part of \"%s\" must be [\"depth\", comparison, integer]", name);
	return parse_compare(p, limit, "depth", t);
}

static int parse_type(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		      struct query_term *t)
{
	const char *type = json_string_value(json_array_get(value, 1));

	if (json_array_size(value) != 2 || !type || !*type || type[1] || !strchr("bcdfplsD", *type))
		return query_say(p, "must use [\"type\", one of \"f\", \"d\", \"l\", \"b\", \"c\", \"p\", \"s\"]");
	t->type = *type;
	return 0;
}

static int parse_size(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		      struct query_term *t)
{
	return parse_compare(p, value, name, t);
}

static int parse_since(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		       struct query_term *t)
{
	const json_t *field = json_array_get(value, 2);
	int n = field ? index_of(query_clock_field_names, field) : SINCE_OCLOCK;

	if (json_array_size(value) < 2 || json_array_size(value) > 3 || n < 0)
		return query_say(p, "must use [\"since\", clock, \"oclock\", \"cclock\", \"mtime\" or \"ctime\"]");
	if (query_since_parse(json_array_get(value, 1), &t->since) < 0)
		return query_say(p, "invalid clockspec for \"since\" term");
	t->clock_field = (enum query_clock_field)n;
	if (n >= SINCE_MTIME && t->since.kind != QUERY_TIME)
		return query_say(p, "\"since\" with \"%s\" needs a time in seconds", query_clock_field_names[n]);
	return 0;
}

static int parse_plain(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		       struct query_term *t)
{
	return json_is_array(value) && json_array_size(value) != 1 ? query_say(p, "\"%s\" takes nothing", name) : 0;
}

static const struct form {
	const char *name;
	enum query_op op;
	int (*parse)(struct query_parser *p, const json_t *value, const char *name, unsigned depth,
		     struct query_term *t);
} forms[] = {
	{ "allof", QUERY_ALLOF, parse_list },	      { "anyof", QUERY_ANYOF, parse_list },
	{ "dirname", QUERY_DIRNAME, parse_dirname },  { "empty", QUERY_EMPTY, parse_plain },
	{ "exists", QUERY_EXISTS, parse_plain },      { "false", QUERY_FALSE, parse_plain },
	{ "idirname", QUERY_DIRNAME, parse_dirname }, { "imatch", QUERY_MATCH, parse_match },
	{ "iname", QUERY_NAME, parse_name },	      { "match", QUERY_MATCH, parse_match },
	{ "name", QUERY_NAME, parse_name },	      { "not", QUERY_NOT, parse_not },
	{ "since", QUERY_SINCE, parse_since },	      { "size", QUERY_SIZE, parse_size },
	{ "suffix", QUERY_SUFFIX, parse_suffix },     { "true", QUERY_TRUE, parse_plain },
	{ "type", QUERY_TYPE, parse_type },
};

const char *query_term_name(size_t n)
{
	return n < ARRAY_SIZE(forms) ? forms[n].name : NULL;
}

static const struct form *find_form(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	}
	return NULL;
}

int query_term_parse(struct query_parser *p, const json_t *value, unsigned depth, struct query_term **out)
{
	const char *name = json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
	const struct form *form;
	struct query_term *t;
	int r;

	if (!name)
		return query_say(p, "an expression is a string or an array that begins with one");
	if (depth > QUERY_DEPTH_MAX)
		return query_say(p, "the expression is nested more than %d levels deep", QUERY_DEPTH_MAX);
	if (++p->terms > QUERY_TERMS_MAX)
		return query_say(p, "more than %d terms", QUERY_TERMS_MAX);
	form = find_form(name);
	if (!form)
		return query_say(p, "unknown expression term '%.100s'", name);
	if (!json_is_array(value) && form->parse != parse_plain)
		return query_say(p, "Expected array for '%s' term", name);
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->op = form->op;
	t->casefold = p->query->case_insensitive;
	r = form->parse(p, value, name, depth, t);
	if (r < 0) {
		query_term_free(t);
		return r;
	}
	*out = t;
	return 0;
}

void query_term_free(struct query_term *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		query_term_free(t->below[i]);
	free(t->below);
	strv_done(&t->words);
	map_done(&t->set);
	free(t);
}

bool query_term_needs_stat(const struct query_term *t)
{
	if (!t)
		return false;
	for (size_t i = 0; i < t->count; i++) {
		if (query_term_needs_stat(t->below[i]))
			return true;
	}
	if (t->op == QUERY_SINCE)
		return t->clock_field >= SINCE_MTIME;
	/* whether it is a fifo, a socket or a device the journal doesn't tell */
	return t->op == QUERY_EMPTY || t->op == QUERY_SIZE || (t->op == QUERY_TYPE && !strchr("fdl", t->type));
}

bool query_term_is_by_name(const struct query_term *t)
{
	if (!t)
		return true;
	for (size_t i = 0; i < t->count; i++) {
		if (!query_term_is_by_name(t->below[i]))
			return false;
	}
	return t->op <= QUERY_ANYOF || t->op == QUERY_NAME || t->op == QUERY_MATCH || t->op == QUERY_SUFFIX ||
	       t->op == QUERY_DIRNAME;
}
