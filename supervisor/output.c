#include "supervisor/output_private.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LAST_WAIT_MS 1000
#define RESET "\033[0m"

/* of prefixes: those that can be read on light and on dark */
static const char *const colours[] = { "36", "35", "33", "32", "34", "31" };

bool output_colour_wanted(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return fd >= 0 && isatty(fd) && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

const char *output_stage_name(enum output_stage stage)
{
	static const char *const names[] = {
		[OUTPUT_BUILD] = "build", [OUTPUT_RUN] = "run", [OUTPUT_CHECK] = "check", [OUTPUT_RELOAD] = "reload"
	};

	return names[stage];
}

/* ---- nobody reads any more ---- */

static void on_unread(uv_async_t *async)
{
	struct output *o = async->data;

	if (o->options.unread)
		o->options.unread(o->options.arg);
}

/* on the printer's thread */
static void send_unread(void *arg)
{
	uv_async_send(arg);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static int make_printer(struct output *o, uv_loop_t *loop)
{
	int r;

	o->unread = calloc(1, sizeof(*o->unread));
	if (!o->unread)
		return -ENOMEM;
	r = uv_async_init(loop, o->unread, on_unread);
	if (r < 0) {
		free(o->unread);
		return r;
	}
	o->unread->data = o;
	uv_unref((uv_handle_t *)o->unread);
	r = printer_new(send_unread, o->unread, &o->printer);
	if (r < 0)
		uv_close((uv_handle_t *)o->unread, on_closed);
	return r;
}

/* ---- the whole ---- */

int output_new(uv_loop_t *loop, const struct output_options *options, struct output **out)
{
	struct output *o = calloc(1, sizeof(*o));
	int r = 0;

	if (!o)
		return -ENOMEM;
	o->options = *options;
	if (o->options.error_fd < 0)
		o->options.error_fd = o->options.fd;
	if (o->options.fd < 0)
		o->options.fd = o->options.error_fd;
	/* standard output may be a file while standard error is a terminal */
	o->plain_out = o->options.fd != o->options.error_fd && !isatty(o->options.fd);
	if (o->options.fd >= 0)
		r = make_printer(o, loop);
	if (r < 0) {
		free(o);
		return r;
	}
	*out = o;
	return 0;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	for (struct output_stream *s = o->streams; s; s = s->next)
		output_flush(s);
	output_watches_done(o);
	while (o->streams) {
		struct output_stream *s = o->streams;

		o->streams = s->next;
		for (size_t i = 0; i < ARRAY_SIZE(s->ways); i++)
			filter_done(&s->ways[i].filter);
		ring_done(&s->ring);
		free(s->service);
		free(s);
	}
	printer_free(o->printer, LAST_WAIT_MS);
	if (o->unread)
		uv_close((uv_handle_t *)o->unread, on_closed);
	free(o);
}

void output_set_prefix(struct output *o, bool prefix)
{
	o->options.prefix = prefix;
}

bool output_separate(const struct output *o)
{
	struct stat out, error;

	if (o->options.fd < 0 || fstat(o->options.fd, &out) || fstat(o->options.error_fd, &error))
		return false;
	return out.st_dev != error.st_dev || out.st_ino != error.st_ino;
}

struct output *output_of(const struct output_stream *s)
{
	return s->output;
}

/* ---- streams ---- */

static int colour_of(struct output *o, const char *service)
{
	for (const struct output_stream *s = o->streams; s; s = s->next)
		if (strcmp(s->service, service) == 0)
			return s->colour;
	return o->next_colour++ % (int)ARRAY_SIZE(colours);
}

struct output_stream *output_stream(struct output *o, const char *service, enum output_stage stage)
{
	struct output_stream **link = &o->streams, *s;

	for (; *link; link = &(*link)->next)
		if ((*link)->stage == stage && strcmp((*link)->service, service) == 0)
			return *link;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->service = strdup(service);
	if (!s->service) {
		free(s);
		return NULL;
	}
	s->output = o;
	s->stage = stage;
	s->colour = colour_of(o, service);
	for (size_t i = 0; i < ARRAY_SIZE(s->ways); i++) {
		s->ways[i].stream = s;
		s->ways[i].error = i == 1;
		s->ways[i].coloured = o->options.colour && (i == 1 || !o->plain_out);
		s->ways[i].filter.max_line = OUTPUT_MAX_LINE;
	}
	*link = s;
	if (strlen(service) > o->name_width)
		o->name_width = strlen(service);
	return s;
}

/* ---- printing ---- */

static int put_prefix(const struct output_stream *s, bool colour, struct buf *out)
{
	const struct output *o = s->output;

	if (!o->options.prefix)
		return 0;
	return buf_printf(out, "%s%s%s%-*s%s%s|%s ", colour ? "\033[" : "", colour ? colours[s->colour] : "",
			  colour ? "m" : "", (int)o->name_width + 1, s->service,
			  s->stage == OUTPUT_RUN ? "" : output_stage_name(s->stage), s->stage == OUTPUT_RUN ? "" : " ",
			  colour ? RESET : "");
}

/* with colours each line stands for itself: what is in force goes on, and ends with it */
static void print(struct output_way *w, const char *text)
{
	const struct output *o = w->stream->output;
	AUTO_BUF line = { 0 };
	int r = put_prefix(w->stream, w->coloured, &line);

	if (r == 0 && w->coloured) {
		r = buf_printf(&line, "%s%s", w->colours, text);
		filter_colours(text, w->colours, sizeof(w->colours));
		if (r == 0 && *w->colours)
			r = buf_puts(&line, RESET);
	} else if (r == 0) {
		r = output_plain(text, &line);
	}
	if (r == 0)
		r = buf_putc(&line, '\n');
	if (r == 0)
		printer_put(o->printer, w->error ? o->options.error_fd : o->options.fd, line.data, line.len);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void line_came(const char *text, size_t len, void *arg)
{
	struct output_way *w = arg;
	struct output_stream *s = w->stream;
	struct output *o = s->output;
	const struct output_entry *e = ring_put(&s->ring, ++o->number, now_ms(), text, len);

	if (o->printer)
		print(w, text);
	if (e) {
		struct output_line line = { .number = e->number,
					    .time_ms = e->time_ms,
					    .service = s->service,
					    .stage = s->stage,
					    .text = e->text };

		output_tell(o, s, &line);
	}
}

void output_feed(struct output_stream *s, const char *data, size_t len, bool error)
{
	struct output_way *w = &s->ways[error ? 1 : 0];

	filter_feed(&w->filter, data, len, line_came, w);
}

void output_flush(struct output_stream *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->ways); i++) {
		filter_flush(&s->ways[i].filter, line_came, &s->ways[i]);
		s->ways[i].colours[0] = '\0';
	}
}

void output_note(struct output *o, const char *format, ...)
{
	static const char own[] = "hrfs: ";
	AUTO_BUF text = { 0 };
	AUTO_BUF line = { 0 };
	va_list args;
	int r;

	if (!o->printer)
		return;
	va_start(args, format);
	r = buf_vprintf(&text, format, args);
	va_end(args);
	if (r == 0 && strncmp(buf_str(&text), own, strlen(own)) != 0)
		r = buf_puts(&line, own);
	if (r == 0)
		r = output_plain(buf_str(&text), &line);
	if (r == 0 && o->options.colour) {
		AUTO_BUF plain = line;

		line = (struct buf){ 0 };
		r = buf_printf(&line, "\033[1m%s" RESET, buf_str(&plain));
	}
	if (r == 0)
		r = buf_putc(&line, '\n');
	if (r == 0)
		printer_put(o->printer, o->options.error_fd, line.data, line.len);
}

uint64_t output_mark(const struct output *o)
{
	return o->number;
}

int output_plain(const char *text, struct buf *out)
{
	const char *escape;

	while ((escape = strchr(text, '\033'))) {
		size_t len = 1;
		int r = buf_put(out, text, (size_t)(escape - text));

		if (r < 0)
			return r;
		if (escape[1] == '[') {
			len = 2 + strspn(escape + 2, "0123456789;:<=>?!\"#$%&'()*+,-./ ");
			len += escape[len] != '\0';
		}
		text = escape + len;
	}
	return buf_puts(out, text);
}
