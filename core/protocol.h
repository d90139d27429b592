/*
 * Watchman's framing in JSON: a message is one line. Incoming bytes become requests; outgoing text is
 * put together without a tree of values, since an answer may list a whole source tree. Pure; not for
 * two threads at once.
 */
#pragma once
#include "core/base/buf.h"
#include "core/json.h"
#include <stdint.h>

#define PROTOCOL_REQUEST_MAX (1024UL * 1024)

struct protocol { /* the incoming side; {0} to begin with */
	struct buf in;
	size_t start;	/* of the line that is being received */
	size_t scanned; /* there is no newline before this */
};

void protocol_done(struct protocol *p);
/* bytes as they come, in pieces of any size. 0 or -ENOMEM */
int protocol_feed(struct protocol *p, const void *data, size_t len);
/*
 * The next request: an array whose first element is a string, the caller's. 1; 0: nothing whole is
 * there; -EBADMSG: a line was no request, the next one may be; -EMSGSIZE, -EPROTO: the other end doesn't
 * speak this, nothing more can be made of what it sends. *why: static text for the errors.
 */
int protocol_next(struct protocol *p, json_t **out, const char **why);

/* Pieces of an outgoing object. All 0 or -ENOMEM. */

/* a string in quotes; bytes that are no UTF-8 become U+FFFD. *exact (may be NULL): whether there were none */
int protocol_put_string(struct buf *out, const char *bytes, bool *exact);
int protocol_put_integer(struct buf *out, int64_t n);
/* "key":"…", and "key_b64":"…" beside it when the bytes are no text; no comma around */
int protocol_put_bytes(struct buf *out, const char *key, const char *bytes);
/* a whole value on one line, with the newline */
int protocol_put_line(struct buf *out, const json_t *value);
