#include "supervisor/output_private.h"
#include <errno.h>
#include <string.h>

static struct output_entry *entry_at(const struct output_ring *r, size_t i)
{
	return &r->entries[(r->first + i) % OUTPUT_MAX_LINES];
}

static void drop_first(struct output_ring *r)
{
	struct output_entry *e = entry_at(r, 0);

	r->dropped = e->number;
	r->bytes -= e->len;
	free(e->text);
	r->first = (r->first + 1) % OUTPUT_MAX_LINES;
	r->count--;
}

const struct output_entry *ring_put(struct output_ring *r, uint64_t number, int64_t time_ms, const char *text,
				    size_t len)
{
	char *copy = strndup(text, len);
	struct output_entry *e;

	if (!r->entries)
		r->entries = calloc(OUTPUT_MAX_LINES, sizeof(*r->entries));
	if (!r->entries || !copy) {
		free(copy);
		return NULL;
	}
	while (r->count && (r->count == OUTPUT_MAX_LINES || r->bytes + len > OUTPUT_MAX_BYTES))
		drop_first(r);
	e = entry_at(r, r->count++);
	*e = (struct output_entry){ .number = number, .time_ms = time_ms, .text = copy, .len = len };
	r->bytes += len;
	return e;
}

void ring_done(struct output_ring *r)
{
	while (r->count)
		drop_first(r);
	free(r->entries);
	r->entries = NULL;
}

/* the first entry with a number beyond mark */
static size_t first_after(const struct output_ring *r, uint64_t mark)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entry_at(r, middle)->number <= mark)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int output_text(const struct output_stream *s, uint64_t mark, size_t max_bytes, struct buf *out)
{
	const struct output_ring *r = &s->ring;
	size_t start = out->len;
	int result = 0;

	if (r->dropped > mark)
		result = buf_puts(out, "(the first lines are gone)\n");
	for (size_t i = first_after(r, mark); i < r->count && result == 0; i++) {
		const struct output_entry *e = entry_at(r, i);

		if (out->len - start + e->len + 1 > max_bytes)
			return buf_printf(out, "(%zu more lines: hrfs log %s)\n", r->count - i, s->service);
		result = output_plain(e->text, out);
		if (result == 0)
			result = buf_putc(out, '\n');
	}
	return result;
}

struct found {
	const struct output_stream *stream;
	const struct output_entry *entry;
};

static int newest_first(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->entry->number > y->entry->number ? -1 : x->entry->number < y->entry->number;
}

int output_lines(const struct output *o, const char *service, size_t count,
		 void (*each)(const struct output_line *line, void *arg), void *arg)
{
	AUTO_FREE struct found *found = NULL;
	size_t all = 0, n = 0;

	for (const struct output_stream *s = o->streams; s; s = s->next)
		all += s->ring.count;
	found = calloc(all + 1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	for (const struct output_stream *s = o->streams; s; s = s->next)
		for (size_t i = 0; i < s->ring.count && (!service || strcmp(service, s->service) == 0); i++)
			found[n++] = (struct found){ s, entry_at(&s->ring, i) };
	qsort(found, n, sizeof(*found), newest_first);
	for (size_t i = n < count ? n : count; i > 0; i--) {
		const struct found *f = &found[i - 1];
		struct output_line line = { .number = f->entry->number,
					    .time_ms = f->entry->time_ms,
					    .service = f->stream->service,
					    .stage = f->stream->stage,
					    .text = f->entry->text };

		each(&line, arg);
	}
	return 0;
}
