#include "supervisor/trace_report.h"
#include "core/base/buf.h"
#include "supervisor/timeline.h"
#include <errno.h>
#include <string.h>

struct line {
	const char *path;
	unsigned how;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->path, ((const struct line *)b)->path);
}

/* both sets in one, by path; malloc'ed. NULL: no memory */
static struct line *sorted(const struct trace_report *r, size_t *count)
{
	const struct map *read = &reads_set(r->reads)->paths, *wrote = &r->wrote->paths;
	struct line *lines = calloc(read->count + wrote->count + 1, sizeof(*lines));
	struct map_entry *e = NULL;

	*count = 0;
	if (!lines)
		return NULL;
	while ((e = map_next(read, e)))
		lines[(*count)++] =
			(struct line){ e->key, (unsigned)(uintptr_t)e->value | readset_how(r->wrote, e->key) };
	while ((e = map_next(wrote, e)))
		if (!map_get(read, e->key, e->key_len))
			lines[(*count)++] = (struct line){ e->key, READ_WROTE };
	qsort(lines, *count, sizeof(*lines), compare);
	return lines;
}

static const struct {
	unsigned bit;
	const char *key, *word;
} ways[] = {
	{ READ_EXECUTED, "executed", "executed" }, { READ_CONTENT, "read", "read" },
	{ READ_LISTED, "listed", "listed" },	   { READ_SEEN, "seen", "looked at" },
	{ READ_ABSENT, "absent", "looked for" },   { READ_WROTE, "wrote", "wrote" },
};

static json_t *to_json(const struct trace_report *r, const struct line *lines, size_t count)
{
	json_t *list = json_array(), *o;

	for (size_t i = 0; i < count; i++) {
		json_t *one = json_object(), *how = json_array();

		json_set_bytes(one, "path", lines[i].path);
		for (size_t k = 0; k < ARRAY_SIZE(ways); k++)
			if (lines[i].how & ways[k].bit)
				json_array_append_new(how, json_string(ways[k].key));
		json_object_set_new(one, "how", how);
		json_array_append_new(list, one);
	}
	o = json_pack("{s:s,s:b,s:i,s:o}", "witness", reads_how_word(reads_how(r->reads)), "whole", reads_are_whole(r->reads),
		      "status", r->status, "paths", list);
	if (o && reads_why(r->reads))
		json_set_bytes(o, "why", reads_why(r->reads));
	return o;
}

/* its strongest way to be read alone, and whether it was written */
static int put_line(const struct line *l, struct buf *out)
{
	bool wrote = l->how & READ_WROTE;
	const char *word = "", *and = "";
	int r;

	for (size_t k = 0; !*word && k < ARRAY_SIZE(ways); k++)
		if (l->how & ways[k].bit)
			word = ways[k].word;
	if (wrote && strcmp(word, "wrote") != 0)
		and = ", wrote";
	r = buf_printf(out, "%s%s%*s ", word, and, (int)(strlen(word) + strlen(and) < 16 ? 16 - strlen(word) - strlen(and) : 0),
		       "");
	if (r == 0)
		r = timeline_put_name(out, *l->path ? l->path : ".");
	return r < 0 ? r : buf_putc(out, '\n');
}

static int to_text(const struct trace_report *r, const struct line *lines, size_t count, struct buf *out)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < count; i++)
		e = put_line(&lines[i], out);
	if (e == 0 && !reads_are_whole(r->reads))
		e = buf_puts(out, "hrfs: this is not all: some of it could not be seen\n");
	if (e == 0 && reads_how(r->reads) == READS_NAMES)
		e = buf_printf(out, "hrfs: only names could be seen, not what was opened: %s\n", reads_why(r->reads));
	return e;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int trace_report(const struct trace_report *r, int fd)
{
	AUTO_FREE struct line *lines = NULL;
	AUTO_BUF out = { 0 };
	json_t *o = NULL;
	size_t count;
	int e;

	lines = sorted(r, &count);
	if (!lines)
		return -ENOMEM;
	if (r->json) {
		AUTO_FREE char *text = (o = to_json(r, lines, count)) ? json_dumps(o, JSON_COMPACT) : NULL;

		json_decref(o);
		e = text ? buf_printf(&out, "%s\n", text) : -ENOMEM;
	} else {
		e = to_text(r, lines, count, &out);
	}
	return e < 0 ? e : write_all(fd, buf_str(&out), out.len);
}
