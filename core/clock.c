#include "core/clock.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOT_NUMBER 1 /* Watchman numbers its roots; a mount has one */

const char *clock_text(const struct clock *c, char text[static CLOCK_TEXT_SIZE])
{
	snprintf(text, CLOCK_TEXT_SIZE, "c:%lld:%lld:%d:%llu", (long long)c->start, (long long)c->pid, ROOT_NUMBER,
		 (unsigned long long)c->tick);
	return text;
}

/* digits alone up to `end`, which is passed over; strtoull would take blanks and signs */
static int parse_number(const char **text, char end, uint64_t most, uint64_t *out)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (n > (most - digit) / 10)
			return -EINVAL;
		n = n * 10 + digit;
	}
	if (*p != end)
		return -EINVAL;
	*text = end ? p + 1 : p;
	*out = n;
	return 0;
}

int clock_parse(const char *text, struct clock *out)
{
	uint64_t start, pid, root, tick;

	if (strncmp(text, "c:", 2) != 0)
		return -EINVAL;
	text += 2;
	if (parse_number(&text, ':', INT64_MAX, &start) || parse_number(&text, ':', INT64_MAX, &pid) ||
	    parse_number(&text, ':', INT64_MAX, &root) || parse_number(&text, '\0', UINT64_MAX, &tick))
		return -EINVAL;
	if (root != ROOT_NUMBER)
		return -EINVAL;
	*out = (struct clock){ .start = (int64_t)start, .pid = (int64_t)pid, .tick = tick };
	return 0;
}

bool clock_same_journal(const struct clock *a, const struct clock *b)
{
	return a->start == b->start && a->pid == b->pid;
}
