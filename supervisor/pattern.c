#include "supervisor/pattern.h"
#include "core/base/path.h"
#include <string.h>

/* [a-z], [!a]: p stands behind '['; answers where it ends, NULL when it has no end; *hit: c is in it */
static const char *match_set(const char *p, char c, bool *hit)
{
	bool negated = *p == '!' || *p == '^';
	const char *first = negated ? ++p : p;

	*hit = false;
	for (; *p && (*p != ']' || p == first); p++) {
		char low = *p == '\\' && p[1] ? *++p : *p, high = low;

		if (p[1] == '-' && p[2] && p[2] != ']') {
			p += 2;
			high = *p == '\\' && p[1] ? *++p : *p;
		}
		if ((unsigned char)c >= (unsigned char)low && (unsigned char)c <= (unsigned char)high)
			*hit = true;
	}
	*hit = *hit != negated;
	return *p ? p + 1 : NULL;
}

/* one character of the text against the pattern's next thing; answers what follows that, NULL: no match */
static const char *match_one(const char *p, const char *end, char c)
{
	bool hit;

	if (p == end)
		return NULL;
	if (*p == '?')
		return p + 1;
	if (*p == '[') {
		const char *after = match_set(p + 1, c, &hit);

		if (after && after <= end)
			return hit ? after : NULL;
	}
	if (*p == '\\' && p + 1 < end)
		p++;
	return *p == c ? p + 1 : NULL;
}

/* one name against one part of a pattern; only the last star is ever tried again, so n times m at most */
static bool match_name(const char *p, size_t p_len, const char *name, size_t name_len)
{
	const char *p_end = p + p_len, *end = name + name_len;
	const char *star = NULL, *resume = NULL;

	while (name < end) {
		const char *next;

		if (p < p_end && *p == '*') {
			star = ++p;
			resume = name;
			continue;
		}
		next = match_one(p, p_end, *name);
		if (next) {
			p = next;
			name++;
		} else if (star) {
			p = star;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (p < p_end && *p == '*')
		p++;
	return p == p_end;
}

/*
 * Parts against names, with the last ** tried again as a star is. True when the pattern is used up
 * at the end of a name: what is below a matched directory is matched too. dir_only: not at the last.
 */
static bool match_path(const char *p, const char *path, bool dir_only)
{
	const char *star = NULL, *resume = NULL;

	for (;;) {
		size_t p_len = strcspn(p, "/"), len = strcspn(path, "/");

		if (p_len == 2 && p[0] == '*' && p[1] == '*') {
			p += p[2] == '/' ? 3 : 2;
			if (!*p)
				return *path != '\0'; /* it ended in a double star: everything below */
			star = p;
			resume = path;
			continue;
		}
		if (*path && match_name(p, p_len, path, len)) {
			bool last = path[len] == '\0';

			p += p_len;
			path += len + !last;
			if (!*p && !(last && dir_only))
				return true;
			p += *p == '/';
			if (*p)
				continue;
		}
		if (!star || !*resume)
			return false;
		resume += strcspn(resume, "/");
		resume += *resume == '/';
		p = star;
		path = resume;
	}
}

bool pattern_match(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);
	bool dir_only = len > 1 && pattern[len - 1] == '/';
	const char *slash = strchr(pattern, '/');
	char text[4096];

	if (len + 4 > sizeof(text) || !len)
		return false;
	if (strncmp(pattern, "./", 2) == 0) {
		pattern += 2;
		len -= 2;
	}
	/* without a slash before its end it holds at any depth */
	strcpy(text, !slash || slash == pattern + len - 1 ? "**/" : "");
	strcat(text, *pattern == '/' ? pattern + 1 : pattern);
	if (dir_only)
		text[strlen(text) - 1] = '\0';
	return match_path(text, path, dir_only);
}

bool pattern_match_any(const struct strv *patterns, const char *path)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (pattern_match(patterns->items[i], path))
			return true;
	}
	return false;
}

bool pattern_names(const struct strv *patterns, const char *path)
{
	for (size_t i = 0; i < patterns->count; i++) {
		const char *pattern = patterns->items[i];

		/* a bare word such as "build" is a name at any depth, so it names no place */
		if (strpbrk(pattern, "*?[\\") == NULL && strchr(pattern, '/') &&
		    pattern_match(pattern, path))
			return true;
	}
	return false;
}
