/* What an answer says of a file. */
#include "core/protocol.h"
#include "core/query_term.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void need_stat(struct query_file *f, const struct query_source *source)
{
	if (!f->tried && source->stat) {
		f->tried = true;
		source->stat(f, source->arg);
	}
}

static int put_boolean(struct buf *out, bool b)
{
	return buf_puts(out, b ? "true" : "false");
}

static int put_null(struct buf *out)
{
	return buf_puts(out, "null");
}

static int put_name(struct query_file *f, const struct query_source *source, struct buf *out)
{
	return protocol_put_string(out, f->name, NULL);
}

static int put_exists(struct query_file *f, const struct query_source *source, struct buf *out)
{
	if (f->kind == STATE_UNKNOWN)
		need_stat(f, source);
	return put_boolean(out, f->exists);
}

static int put_new(struct query_file *f, const struct query_source *source, struct buf *out)
{
	return put_boolean(out, f->is_new);
}

static int put_type(struct query_file *f, const struct query_source *source, struct buf *out)
{
	return buf_printf(out, "\"%c\"", query_type_of(f, source));
}

static int put_target(struct query_file *f, const struct query_source *source, struct buf *out)
{
	AUTO_FREE char *target = NULL;

	if (source->link_target && query_type_of(f, source) == 'l')
		target = source->link_target(f, source->arg);
	return target ? protocol_put_string(out, target, NULL) : put_null(out);
}

static int put_clock(struct query_file *f, const struct query_source *source, struct buf *out)
{
	struct clock clock;
	char text[CLOCK_TEXT_SIZE];

	if (!f->tick || !source->clock)
		return put_null(out);
	clock = *source->clock;
	clock.tick = f->tick;
	return buf_printf(out, "\"%s\"", clock_text(&clock, text));
}

static int put_made_clock(struct query_file *f, const struct query_source *source, struct buf *out)
{
	return f->is_new ? put_clock(f, source, out) : put_null(out);
}

static int put_int(struct query_file *f, struct buf *out, int64_t n)
{
	return f->st ? protocol_put_integer(out, n) : put_null(out);
}

#define INTEGER(field, value)                                                                            \
	static int put_##field(struct query_file *f, const struct query_source *source, struct buf *out) \
	{                                                                                                \
		need_stat(f, source);                                                                    \
		return put_int(f, out, f->st ? (int64_t)(f->st->value) : 0);                             \
	}

INTEGER(size, st_size)
INTEGER(mode, st_mode)
INTEGER(uid, st_uid)
INTEGER(gid, st_gid)
INTEGER(ino, st_ino)
INTEGER(dev, st_dev)
INTEGER(nlink, st_nlink)

/* per_second: 1, 1000, …; 0: as a number with a fraction */
static int put_time(struct query_file *f, struct buf *out, const struct timespec *t, int64_t per_second)
{
	if (!f->st)
		return put_null(out);
	if (!per_second)
		return buf_printf(out, "%lld.%09ld", (long long)t->tv_sec, t->tv_nsec);
	return protocol_put_integer(out, t->tv_sec * per_second + t->tv_nsec / (1000000000 / per_second));
}

#define TIME(field, member, per_second)                                                                  \
	static int put_##field(struct query_file *f, const struct query_source *source, struct buf *out) \
	{                                                                                                \
		need_stat(f, source);                                                                    \
		return put_time(f, out, f->st ? &f->st->member : NULL, per_second);                      \
	}
#define TIMES(letter)                                       \
	TIME(letter##time, st_##letter##tim, 1)             \
	TIME(letter##time_ms, st_##letter##tim, 1000)       \
	TIME(letter##time_us, st_##letter##tim, 1000000)    \
	TIME(letter##time_ns, st_##letter##tim, 1000000000) \
	TIME(letter##time_f, st_##letter##tim, 0)

TIMES(a)
TIMES(c)
TIMES(m)

#define TIME_FIELDS(letter)                                                                             \
	{ #letter "time", true, put_##letter##time }, { #letter "time_f", true, put_##letter##time_f }, \
		{ #letter "time_ms", true, put_##letter##time_ms },                                     \
		{ #letter "time_ns", true, put_##letter##time_ns },                                     \
	{                                                                                               \
#letter "time_us", true, put_##letter##time_us                                          \
	}

static const struct query_field fields[] = {
	TIME_FIELDS(a),
	{ "cclock", false, put_made_clock },
	TIME_FIELDS(c),
	{ "dev", true, put_dev },
	{ "exists", false, put_exists },
	{ "gid", true, put_gid },
	{ "ino", true, put_ino },
	{ "mode", true, put_mode },
	TIME_FIELDS(m),
	{ "name", false, put_name },
	{ "new", false, put_new },
	{ "nlink", true, put_nlink },
	{ "oclock", false, put_clock },
	{ "size", true, put_size },
	{ "symlink_target", true, put_target },
	{ "type", false, put_type },
	{ "uid", true, put_uid },
};

const char *query_field_name(size_t n)
{
	return n < ARRAY_SIZE(fields) ? fields[n].name : NULL;
}

const struct query_field *query_field_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

static int put_member(const struct query_field *field, struct query_file *f, const struct query_source *source,
		      struct buf *out)
{
	int r;

	if (field->put == put_name)
		return protocol_put_bytes(out, "name", f->name);
	r = buf_printf(out, "\"%s\":", field->name);
	return r < 0 ? r : field->put(f, source, out);
}

int query_put_file(const struct query *q, struct query_file *f, const struct query_source *source, struct buf *out)
{
	int r;

	/* asked once, first: whether it exists must agree with what is said of it */
	if (q->needs_stat)
		need_stat(f, source);
	if (q->field_count == 1)
		return q->fields[0]->put(f, source, out);
	r = buf_putc(out, '{');
	for (size_t i = 0; r == 0 && i < q->field_count; i++) {
		if (i)
			r = buf_putc(out, ',');
		if (r == 0)
			r = put_member(q->fields[i], f, source, out);
	}
	return r < 0 ? r : buf_putc(out, '}');
}
