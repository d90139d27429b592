#include "core/wildmatch.h"
#include <stddef.h>
#include <string.h>

struct span {
	const char *start, *end;
};

static unsigned char fold(char c, unsigned flags)
{
	return (flags & WILD_CASEFOLD) && c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : (unsigned char)c;
}

/* The character at *p, past an escape. */
static unsigned char take_literal(const char **p, const char *end, unsigned flags)
{
	if (**p == '\\' && !(flags & WILD_NOESCAPE) && *p + 1 < end)
		(*p)++;
	return fold(*(*p)++, flags);
}

/* The bracket's end, past the ']', or NULL: then '[' is an ordinary character. */
static const char *bracket_end(const char *p, const char *end, unsigned flags)
{
	p++;
	if (p < end && (*p == '!' || *p == '^'))
		p++;
	if (p < end && *p == ']')
		p++;
	for (; p < end; p++) {
		if (*p == ']')
			return p + 1;
		if (*p == '\\' && !(flags & WILD_NOESCAPE))
			p++;
	}
	return NULL;
}

/* c against what is between '[' and its end. */
static bool in_bracket(const char *p, const char *end, unsigned char c, unsigned flags)
{
	bool negated = false, found = false;

	p++;
	if (*p == '!' || *p == '^') {
		negated = true;
		p++;
	}
	end--; /* the ']' */
	while (p < end) {
		unsigned char low = take_literal(&p, end, flags), high = low;

		if (p + 1 < end && *p == '-') {
			p++;
			high = take_literal(&p, end, flags);
		}
		if (low <= c && c <= high)
			found = true;
	}
	return found != negated;
}

/* One character of the text against the part of the pattern at *p, which is moved past it. */
static bool match_one(const char **p, const char *end, char text, unsigned flags)
{
	unsigned char c = fold(text, flags);

	if (**p == '?') {
		(*p)++;
		return true;
	}
	if (**p == '[') {
		const char *close = bracket_end(*p, end, flags);

		if (close) {
			const char *open = *p;

			*p = close;
			return in_bracket(open, close, c, flags);
		}
	}
	return take_literal(p, end, flags) == c;
}

/* One name. A star takes as little as it can and, when what follows fails, one more: only the last star ever needs that. */
static bool match_name(struct span pattern, struct span text, unsigned flags)
{
	const char *p = pattern.start, *t = text.start;
	const char *star = NULL, *star_text = NULL;

	if ((flags & WILD_PERIOD) && t < text.end && *t == '.' &&
	    (p >= pattern.end || *p == '*' || *p == '?' || *p == '['))
		return false;
	while (t < text.end) {
		if (p < pattern.end && *p == '*') {
			star = ++p;
			star_text = t;
			continue;
		}
		if (p < pattern.end && match_one(&p, pattern.end, *t, flags)) {
			t++;
			continue;
		}
		if (!star)
			return false;
		p = star;
		t = ++star_text;
	}
	while (p < pattern.end && *p == '*')
		p++;
	return p >= pattern.end;
}

/* The name that begins at s; slashes in a row count as one. */
static struct span first_name(const char *s)
{
	s += strspn(s, "/");
	return (struct span){ s, s + strcspn(s, "/") };
}

static bool is_double_star(struct span s)
{
	return s.end - s.start == 2 && s.start[0] == '*' && s.start[1] == '*';
}

static bool is_hidden(struct span name, unsigned flags)
{
	return (flags & WILD_PERIOD) && *name.start == '.';
}

/* What a "**" at the end takes: all names from here on, one at least. */
static bool takes_rest(struct span name, unsigned flags)
{
	if (name.start == name.end)
		return false;
	for (; name.start != name.end; name = first_name(name.end)) {
		if (is_hidden(name, flags))
			return false;
	}
	return true;
}

/* Names in turn; "**" takes as few of them as it can, and only the last one of these ever needs to take more. */
static bool match_path(const char *pattern, const char *text, unsigned flags)
{
	const char *after = NULL; /* the last "**" */
	struct span p = first_name(pattern), t = first_name(text), more = t;

	for (;;) {
		if (is_double_star(p)) {
			after = p.end;
			more = t;
			p = first_name(after);
			if (p.start == p.end)
				return takes_rest(t, flags);
			continue;
		}
		if (t.start == t.end && p.start == p.end)
			return true;
		if (t.start != t.end && p.start != p.end && match_name(p, t, flags)) {
			p = first_name(p.end);
			t = first_name(t.end);
			continue;
		}
		if (!after || more.start == more.end || is_hidden(more, flags))
			return false;
		t = more = first_name(more.end);
		p = first_name(after);
	}
}

bool wildmatch(const char *pattern, const char *text, unsigned flags)
{
	if (flags & WILD_PATH)
		return match_path(pattern, text, flags);
	return match_name((struct span){ pattern, pattern + strlen(pattern) },
			  (struct span){ text, text + strlen(text) }, flags);
}
