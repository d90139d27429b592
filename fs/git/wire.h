/*
 * What worker and hrfs-git say to each other: records of a decimal length, a newline, and that many
 * bytes. Pure functions on buffers; reading and writing is the caller's. Any thread.
 */
#pragma once
#include "core/base/buf.h"

#define WIRE_MAX (1024 * 1024) /* bytes of one record */
#define WIRE_MAX_PATHS 1000    /* of one question; the asker splits */

/* appends one record. 0, -EMSGSIZE, -ENOMEM */
int wire_put(struct buf *out, const char *data, size_t len);
/*
 * Is a whole record at the front of in? 1: it is, in->data[*start], *len long; it and what stands
 * before it is consumed by buf_consume(in, *start + *len). 0: more is needed. -EPROTO: never will be
 */
int wire_peek(const struct buf *in, size_t *start, size_t *len);
