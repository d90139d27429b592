/*
 * A growing run of bytes, always followed by a NUL that does not count. {0} is an empty one.
 * Owned by whoever declares it; not for two threads at once. Functions answer 0 or -ENOMEM and
 * leave the buffer as it was on failure.
 */
#pragma once
#include "core/base/cleanup.h"
#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while nothing was ever put in */
	size_t len, size;
};

#define AUTO_BUF AUTO_DONE(buf) struct buf

int buf_reserve(struct buf *b, size_t more);
int buf_put(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/* shorten only */
void buf_truncate(struct buf *b, size_t len);
/* remove the first n bytes */
void buf_consume(struct buf *b, size_t n);
/* "" when empty; valid until the next change */
const char *buf_str(const struct buf *b);
/* the bytes (malloc'ed, the caller frees; NULL when nothing was ever put in); b is empty afterwards */
char *buf_take(struct buf *b);
void buf_done(struct buf *b);
