/*
 * Patterns: flags byte, pattern, NUL, text. A text with every character escaped matches itself and
 * nothing else; folding case on both sides changes nothing; a pattern that matches without WILD_PERIOD's rule is the only one that matches with it.
 */
#include "core/base/cleanup.h"
#include "core/wildmatch.h"
#include "tests/fuzz/fuzz.h"
#include <ctype.h>
#include <string.h>

static char *escaped(const char *text)
{
	char *out = malloc(strlen(text) * 2 + 1), *to = out;

	for (; *text; text++) {
		*to++ = '\\';
		*to++ = *text;
	}
	*to = '\0';
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = NULL, *itself = NULL;
	const char *pattern, *text;
	unsigned flags;

	if (size < 2 || size > 4096)
		return 0;
	flags = data[0] % 16;
	copy = calloc(1, size + 2); /* ended by two NULs: there is always a text */
	memcpy(copy, data + 1, size - 1);
	pattern = copy;
	text = copy + strlen(copy) + 1;
	if (wildmatch(pattern, text, flags | WILD_PERIOD))
		MUST(wildmatch(pattern, text, flags & ~(unsigned)WILD_PERIOD));
	if (wildmatch(pattern, text, flags & ~(unsigned)WILD_CASEFOLD) && !strchr(pattern, '['))
		MUST(wildmatch(pattern, text, flags | WILD_CASEFOLD));
	itself = escaped(text);
	MUST(strchr(text, '/') || wildmatch(itself, text, flags & ~(unsigned)WILD_NOESCAPE));
	MUST(!*text || !wildmatch("", text, 0));
	MUST(wildmatch("*", text, 0));
	return 0;
}
