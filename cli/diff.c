#include "cli/diff.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CONTEXT 3
#define LINES_MAX 4000 /* the table of common lines has the square of it */

struct line {
	const char *text;
	size_t len;
};

struct lines {
	struct line *items;
	size_t count;
};

/* One step of the way from before to after. */
struct step {
	char kind; /* ' ', '-', '+' */
	const struct line *line;
};

static int split(const char *text, struct lines *out)
{
	size_t count = 1;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		count++;
	out->items = calloc(count, sizeof(*out->items));
	if (!out->items)
		return -ENOMEM;
	while (*text) {
		size_t len = strcspn(text, "\n");

		out->items[out->count++] = (struct line){ text, len };
		text += len + (text[len] == '\n');
	}
	return 0;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* common[i][j]: how many lines the longest common run of before[i..] and after[j..] has */
static uint16_t *common_lengths(const struct lines *a, const struct lines *b)
{
	size_t width = b->count + 1;
	uint16_t *common = calloc((a->count + 1) * width, sizeof(*common));

	for (size_t i = a->count; common && i-- > 0;) {
		for (size_t j = b->count; j-- > 0;) {
			uint16_t down = common[(i + 1) * width + j], right = common[i * width + j + 1];

			if (same(&a->items[i], &b->items[j]))
				common[i * width + j] = (uint16_t)(common[(i + 1) * width + j + 1] + 1);
			else
				common[i * width + j] = down >= right ? down : right;
		}
	}
	return common;
}

static size_t find_steps(const struct lines *a, const struct lines *b, const uint16_t *common, struct step *steps)
{
	size_t width = b->count + 1, i = 0, j = 0, n = 0;

	while (i < a->count || j < b->count) {
		if (common && i < a->count && j < b->count && same(&a->items[i], &b->items[j])) {
			steps[n++] = (struct step){ ' ', &a->items[i++] };
			j++;
		} else if (i < a->count &&
			   (j == b->count || !common || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
			steps[n++] = (struct step){ '-', &a->items[i++] };
		} else {
			steps[n++] = (struct step){ '+', &b->items[j++] };
		}
	}
	return n;
}

/* the end of the hunk that begins at `from`: where more than twice the context follows unchanged */
static size_t hunk_end(const struct step *steps, size_t count, size_t from)
{
	size_t end = from, same_lines = 0;

	for (size_t i = from; i < count && same_lines <= 2 * CONTEXT; i++) {
		same_lines = steps[i].kind == ' ' ? same_lines + 1 : 0;
		if (steps[i].kind != ' ')
			end = i + 1;
	}
	return end + CONTEXT < count ? end + CONTEXT : count;
}

/* before, after: how many lines of each lie before the hunk */
static int put_hunk(const struct step *steps, size_t count, size_t before, size_t after, struct buf *out)
{
	size_t removed = 0, added = 0;
	int r;

	for (size_t i = 0; i < count; i++) {
		removed += steps[i].kind != '+';
		added += steps[i].kind != '-';
	}
	r = buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", before + (removed > 0), removed, after + (added > 0), added);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = buf_printf(out, "%c%.*s\n", steps[i].kind, (int)steps[i].line->len, steps[i].line->text);
	return r;
}

static int put_hunks(const struct step *steps, size_t count, struct buf *out)
{
	size_t before = 0, after = 0, at = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		size_t from, end;

		if (steps[i].kind == ' ')
			continue;
		from = i - at > CONTEXT ? i - CONTEXT : at;
		for (; at < from; at++) { /* all of these are equal */
			before++;
			after++;
		}
		end = hunk_end(steps, count, i);
		r = put_hunk(steps + from, end - from, before, after, out);
		for (; at < end; at++) {
			before += steps[at].kind != '+';
			after += steps[at].kind != '-';
		}
		i = end - 1;
	}
	return r;
}

int diff_unified(const char *before, const char *after, struct buf *out)
{
	struct lines a = { 0 }, b = { 0 };
	AUTO_FREE struct step *steps = NULL;
	AUTO_FREE uint16_t *common = NULL;
	int r = split(before, &a);

	if (r == 0)
		r = split(after, &b);
	if (r == 0) {
		steps = calloc(a.count + b.count + 1, sizeof(*steps));
		if (a.count <= LINES_MAX && b.count <= LINES_MAX)
			common = common_lengths(&a, &b);
		r = steps ? put_hunks(steps, find_steps(&a, &b, common, steps), out) : -ENOMEM;
	}
	free(a.items);
	free(b.items);
	return r;
}
