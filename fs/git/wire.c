#include "fs/git/wire.h"
#include <errno.h>
#include <string.h>

#define MAX_DIGITS 7

int wire_put(struct buf *out, const char *data, size_t len)
{
	size_t before = out->len;
	int r;

	if (len > WIRE_MAX)
		return -EMSGSIZE;
	r = buf_printf(out, "%zu\n", len);
	if (r == 0)
		r = buf_put(out, data, len);
	if (r < 0)
		buf_truncate(out, before);
	return r;
}

int wire_peek(const struct buf *in, size_t *start, size_t *len)
{
	size_t value = 0, i;

	for (i = 0; i < in->len && in->data[i] != '\n'; i++) {
		if (in->data[i] < '0' || in->data[i] > '9' || i == MAX_DIGITS)
			return -EPROTO;
		value = value * 10 + (size_t)(in->data[i] - '0');
	}
	if (i == in->len)
		return i > MAX_DIGITS ? -EPROTO : 0;
	if (i == 0 || value > WIRE_MAX)
		return -EPROTO;
	if (in->len - i - 1 < value)
		return 0;
	*start = i + 1;
	*len = value;
	return 1;
}
