/* Does a file match? */
#include "core/base/path.h"
#include "core/query_term.h"
#include "core/wildmatch.h"
#include <string.h>
#include <strings.h>

static void need_stat(struct query_file *f, const struct query_source *source)
{
	if (!f->tried && source->stat) {
		f->tried = true;
		source->stat(f, source->arg);
	}
}

static bool exists(struct query_file *f, const struct query_source *source)
{
	if (f->kind == STATE_UNKNOWN)
		need_stat(f, source);
	return f->exists;
}

static bool compare(const struct query_term *t, int64_t n)
{
	switch (t->compare) {
	case COMPARE_EQ:
		return n == t->operand;
	case COMPARE_NE:
		return n != t->operand;
	case COMPARE_GT:
		return n > t->operand;
	case COMPARE_GE:
		return n >= t->operand;
	case COMPARE_LT:
		return n < t->operand;
	case COMPARE_LE:
		return n <= t->operand;
	}
	return false;
}

/* `name` is in the list; in lower case where case doesn't count, for the list is so too. */
static bool has_word(const struct query_term *t, const char *name, size_t len)
{
	if (t->set.count)
		return map_get(&t->set, name, len);
	for (size_t i = 0; i < t->words.count; i++) {
		if (strncmp(t->words.items[i], name, len) == 0 && t->words.items[i][len] == '\0')
			return true;
	}
	return false;
}

/* The lower-case form of a text, in place when it fits. False: no memory, or no such text is in any list */
struct folded {
	char space[256];
	char *long_one;
};

static const char *fold(struct folded *out, const char *text)
{
	size_t len = strlen(text) + 1;
	char *to = out->space;

	out->long_one = NULL;
	if (len > sizeof(out->space))
		to = out->long_one = malloc(len);
	for (size_t i = 0; to && i < len; i++)
		to[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
	return to;
}

static bool match_name(const struct query_term *t, const struct query_file *f)
{
	const char *name = t->wholename ? f->name : path_base(f->name);
	struct folded folded = { .long_one = NULL };
	bool found;

	if (t->casefold)
		name = fold(&folded, name);
	found = name && has_word(t, name, strlen(name));
	free(folded.long_one);
	return found;
}

/* What is behind the last dot, when that isn't all there is. */
static bool match_suffix(const struct query_term *t, const char *name)
{
	struct folded folded;
	const char *base = fold(&folded, path_base(name));
	const char *dot = base ? strrchr(base, '.') : NULL;
	bool found = dot && dot != base && has_word(t, dot + 1, strlen(dot + 1));

	/* a suffix may hold dots itself ("test.js") */
	for (size_t i = 0; base && !found && i < t->words.count; i++) {
		size_t len = strlen(t->words.items[i]), base_len = strlen(base);

		found = strchr(t->words.items[i], '.') && base_len > len + 1 && base[base_len - len - 1] == '.' &&
			strcmp(base + base_len - len, t->words.items[i]) == 0;
	}
	free(folded.long_one);
	return found;
}

static bool match_pattern(const struct query_term *t, const struct query_file *f)
{
	unsigned flags =
		(t->dotfiles ? 0 : WILD_PERIOD) | (t->noescape ? WILD_NOESCAPE : 0) | (t->casefold ? WILD_CASEFOLD : 0);

	if (t->wholename)
		return wildmatch(t->words.items[0], f->name, flags | WILD_PATH);
	return wildmatch(t->words.items[0], path_base(f->name), flags);
}

static int64_t count_slashes(const char *s)
{
	int64_t n = 0;

	for (; (s = strchr(s, '/')); s++)
		n++;
	return n;
}

static bool match_dirname(const struct query_term *t, const struct query_file *f)
{
	const char *dir = t->words.items[0];
	size_t len = strlen(dir);
	const char *rest = f->name;

	if (len) {
		if ((t->casefold ? strncasecmp(f->name, dir, len) : strncmp(f->name, dir, len)) != 0 ||
		    f->name[len] != '/')
			return false;
		rest += len + 1;
	}
	return *rest && compare(t, count_slashes(rest));
}

static char type_of_mode(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	case S_IFBLK:
		return 'b';
	case S_IFCHR:
		return 'c';
	default:
		return '?';
	}
}

char query_type_of(struct query_file *f, const struct query_source *source)
{
	if (f->kind == STATE_UNKNOWN || f->kind == STATE_OTHER)
		need_stat(f, source);
	if (f->st)
		return type_of_mode(f->st->st_mode);
	switch (f->kind) {
	case STATE_DIR:
		return 'd';
	case STATE_SYMLINK:
		return 'l';
	default:
		return 'f'; /* gone before anybody knew: most things are files */
	}
}

static bool match_size(const struct query_term *t, struct query_file *f, const struct query_source *source)
{
	need_stat(f, source);
	return f->st && compare(t, f->st->st_size);
}

static bool match_empty(struct query_file *f, const struct query_source *source)
{
	need_stat(f, source);
	return f->st && f->st->st_size == 0 && (S_ISREG(f->st->st_mode) || S_ISDIR(f->st->st_mode));
}

static bool match_since(const struct query_term *t, struct query_file *f, const struct query_source *source)
{
	if (t->clock_field < SINCE_MTIME)
		return source->changed_since && source->changed_since(f, &t->since, source->arg);
	need_stat(f, source);
	if (!f->st)
		return false;
	return (t->clock_field == SINCE_MTIME ? f->st->st_mtime : f->st->st_ctime) >= t->since.time;
}

static bool matches(const struct query_term *t, struct query_file *f, const struct query_source *source)
{
	switch (t->op) {
	case QUERY_TRUE:
		return true;
	case QUERY_FALSE:
		return false;
	case QUERY_NOT:
		return !matches(t->below[0], f, source);
	case QUERY_ALLOF:
	case QUERY_ANYOF:
		for (size_t i = 0; i < t->count; i++) {
			if (matches(t->below[i], f, source) != (t->op == QUERY_ALLOF))
				return t->op == QUERY_ANYOF;
		}
		return t->op == QUERY_ALLOF;
	case QUERY_EXISTS:
		return exists(f, source);
	case QUERY_EMPTY:
		return match_empty(f, source);
	case QUERY_NAME:
		return match_name(t, f);
	case QUERY_MATCH:
		return match_pattern(t, f);
	case QUERY_SUFFIX:
		return match_suffix(t, f->name);
	case QUERY_DIRNAME:
		return match_dirname(t, f);
	case QUERY_TYPE:
		return query_type_of(f, source) == t->type;
	case QUERY_SIZE:
		return match_size(t, f, source);
	case QUERY_SINCE:
		return match_since(t, f, source);
	}
	return false;
}

bool query_matches(const struct query *q, struct query_file *f, const struct query_source *source)
{
	return !q->expression || matches(q->expression, f, source);
}

/* ---- generators ---- */

bool query_has_generators(const struct query *q)
{
	return q->has_paths || q->has_globs || q->has_suffixes;
}

static bool is_generated_by_path(const struct query_path *p, struct query_file *f, const struct query_source *source)
{
	if (strcmp(f->name, p->path) == 0)
		return query_type_of(f, source) != 'd';
	if (!path_is_below(f->name, p->path))
		return false;
	return p->depth < 0 || count_slashes(f->name + (*p->path ? strlen(p->path) + 1 : 0)) <= p->depth;
}

bool query_generates(const struct query *q, struct query_file *f, const struct query_source *source)
{
	unsigned flags = WILD_PATH | (q->glob_dotfiles ? 0 : WILD_PERIOD) | (q->glob_noescape ? WILD_NOESCAPE : 0) |
			 (q->case_insensitive ? WILD_CASEFOLD : 0);

	if (!query_has_generators(q))
		return true;
	for (size_t i = 0; i < q->path_count; i++) {
		if (is_generated_by_path(&q->paths[i], f, source))
			return true;
	}
	for (size_t i = 0; i < q->globs.count; i++) {
		if (wildmatch(q->globs.items[i], f->name, flags))
			return true;
	}
	return q->suffixes.count && match_suffix(&(struct query_term){ .words = q->suffixes }, f->name);
}

bool query_may_hold(const struct query *q, const char *dir)
{
	if (!query_has_generators(q) || q->globs.count || q->suffixes.count)
		return true;
	for (size_t i = 0; i < q->path_count; i++) {
		const char *path = q->paths[i].path;

		if (strcmp(dir, path) == 0 || path_is_below(dir, path) || path_is_below(path, dir))
			return true;
	}
	return false;
}
