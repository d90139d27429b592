#include "supervisor/output_filter.h"
#include <string.h>

enum filter_state {
	PLAIN,
	ESCAPE,	      /* after ESC */
	SEQUENCE,     /* ESC [ …, up to a byte from @ to ~ */
	INTERMEDIATE, /* ESC and bytes from space to /, one more to come */
	TEXT,	      /* ESC ] … (a title, a link), up to BEL or ESC \ */
	TEXT_ESCAPE,
};

static void emit(struct filter *f, void (*line)(const char *text, size_t len, void *arg), void *arg)
{
	line(buf_str(&f->line), f->line.len, arg);
	buf_truncate(&f->line, 0);
	f->carriage = false;
}

static void put(struct filter *f, const char *data, size_t len)
{
	if (f->carriage) {
		buf_truncate(&f->line, 0);
		f->carriage = false;
	}
	/* without memory a piece of output is missing, no more */
	buf_put(&f->line, data, len);
}

static void escape(struct filter *f, char c)
{
	f->sequence_len = 0;
	if (c == '[')
		f->state = SEQUENCE;
	else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
		f->state = TEXT;
	else if (c >= ' ' && c <= '/')
		f->state = INTERMEDIATE;
	else
		f->state = PLAIN;
}

static void sequence(struct filter *f, char c)
{
	if (c < '@' || c > '~') {
		if (f->sequence_len < sizeof(f->sequence))
			f->sequence[f->sequence_len++] = c;
		return;
	}
	f->state = PLAIN;
	/* colours and weights, but not the private ones (ESC [ > … m) */
	if (c != 'm' || f->sequence_len >= sizeof(f->sequence) ||
	    (f->sequence_len && !strchr("0123456789:;", f->sequence[0])))
		return;
	put(f, "\033[", 2);
	put(f, f->sequence, f->sequence_len);
	put(f, "m", 1);
}

static void plain(struct filter *f, char c)
{
	if (c == '\033')
		f->state = ESCAPE;
	else if (c == '\r')
		f->carriage = true;
	else if (c == '\t' || (unsigned char)c >= ' ')
		if (c != 127)
			put(f, &c, 1);
}

/* how many bytes from the start may be taken as they are */
static size_t ordinary(const char *data, size_t len)
{
	size_t n = 0;

	while (n < len && (unsigned char)data[n] >= ' ' && data[n] != 127)
		n++;
	return n;
}

static void step(struct filter *f, char c)
{
	switch ((enum filter_state)f->state) {
	case PLAIN:
		plain(f, c);
		break;
	case ESCAPE:
		escape(f, c);
		break;
	case SEQUENCE:
		sequence(f, c);
		break;
	case INTERMEDIATE:
		if (c < ' ' || c > '/')
			f->state = PLAIN;
		break;
	case TEXT:
		if (c == '\a')
			f->state = PLAIN;
		else if (c == '\033')
			f->state = TEXT_ESCAPE;
		break;
	case TEXT_ESCAPE:
		f->state = c == '\\' ? PLAIN : TEXT;
		break;
	}
}

void filter_feed(struct filter *f, const char *data, size_t len, void (*line)(const char *text, size_t len, void *arg),
		 void *arg)
{
	while (len > 0) {
		size_t n = f->state == PLAIN ? ordinary(data, len) : 0;

		/* no sequence goes on over the end of a line: a job that was killed in one must not mute the next */
		if (n == 0 && *data == '\n') {
			f->state = PLAIN;
			emit(f, line, arg);
			n = 1;
		} else if (n == 0) {
			step(f, *data);
			n = 1;
		} else {
			if (n > f->max_line)
				n = f->max_line;
			put(f, data, n);
		}
		data += n;
		len -= n;
		if (f->line.len >= f->max_line)
			emit(f, line, arg);
	}
}

void filter_flush(struct filter *f, void (*line)(const char *text, size_t len, void *arg), void *arg)
{
	f->state = PLAIN;
	if (f->line.len)
		emit(f, line, arg);
	f->carriage = false;
}

void filter_done(struct filter *f)
{
	buf_done(&f->line);
}

void filter_colours(const char *text, char *active, size_t size)
{
	while ((text = strchr(text, '\033'))) {
		const char *end = strchr(text, 'm');
		size_t len, has = strlen(active);

		if (!end)
			return;
		len = (size_t)(end - text) + 1;
		/* ESC [ m, ESC [ 0 m and ESC [ 0 ; … m begin anew */
		if (text[2] == 'm' || (text[2] == '0' && (text[3] == 'm' || text[3] == ';')))
			active[has = 0] = '\0';
		if (text[2] != 'm' && strncmp(text + 2, "0m", 2) != 0 && has + len < size) {
			memcpy(active + has, text, len);
			active[has + len] = '\0';
		}
		text = end;
	}
}
