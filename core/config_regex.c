/*
 * Is a regular expression one that may be compiled? The C library writes each repetition out, so that a few
 * characters, "((((a{255}){255}){255}", ask for more memory than there is. What it would come to is counted first.
 */
#include "core/config_keys.h"
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_TEXT = 4096,
	MAX_DEPTH = 64,
	MAX_ATOMS = 20000, /* about 1 KB each while it is compiled */
};

/* behind the "]" that ends the set which begins at p, or at the end of the text */
static const char *skip_set(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	for (; *p && *p != ']'; p++) {
		const char *end = NULL;

		if (*p == '[' && p[1] && strchr(".:=", p[1])) {
			char closing[] = { p[1], ']', '\0' };

			end = strstr(p + 2, closing);
		}
		if (end)
			p = end + 1;
	}
	return *p ? p + 1 : p;
}

/* how often what stands before p is written out, and behind the operator. 0: no operator */
static size_t copies(const char **p)
{
	const char *at = *p + 1;
	unsigned long number, most = 0;
	char *end;

	if (**p == '+') {
		*p = at;
		return 2;
	}
	if (**p != '{' || (!isdigit((unsigned char)*at) && *at != ','))
		return 0;
	while (isdigit((unsigned char)*at) || *at == ',') {
		if (*at == ',') {
			at++;
			continue;
		}
		number = strtoul(at, &end, 10);
		at = end;
		if (number > most)
			most = number < MAX_ATOMS ? number : MAX_ATOMS;
	}
	*p = *at == '}' ? at + 1 : at;
	return most + 1;
}

static bool may_be_written_out(const char *p)
{
	size_t sums[MAX_DEPTH] = { 0 };
	size_t last = 0, depth = 0, times;

	while (*p) {
		times = copies(&p);
		if (times) {
			sums[depth] += last * (times - 1);
			last *= times;
		} else if (*p == '(') {
			if (++depth == MAX_DEPTH)
				return false;
			sums[depth] = last = 0;
			p++;
		} else if (*p == ')' && depth) {
			last = sums[depth--] + 1;
			sums[depth] += last;
			p++;
		} else {
			last = 1;
			sums[depth]++;
			p = *p == '[' ? skip_set(p) : p + (*p == '\\' && p[1] ? 2 : 1);
		}
		if (sums[depth] > MAX_ATOMS)
			return false;
	}
	return true;
}

bool config_is_regex(const char *text)
{
	regex_t regex;

	if (strlen(text) > MAX_TEXT || !may_be_written_out(text) || regcomp(&regex, text, REG_EXTENDED | REG_NOSUB))
		return false;
	regfree(&regex);
	return true;
}
