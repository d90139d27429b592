/* One connection to the mount's socket under the loop: calls, whose answers come in their order, and pushes. */
#pragma once
#include "core/base/buf.h"
#include "core/base/loop.h"
#include "core/json.h"
#include "supervisor/link.h"

struct wire;

struct wire_events {
	void (*push)(const json_t *object, void *arg); /* may be NULL */
	/* the other end is gone; the wire may be freed in it */
	void (*closed)(void *arg);
};

/* 0 or -errno, error has one line */
int wire_new(uv_loop_t *loop, const char *socket, const struct wire_events *events, void *arg, struct wire **out,
	     struct buf *error);
/* every call that is not answered gets NULL */
void wire_free(struct wire *w);
/* request is taken over. 0; -ENOTCONN, -ENOMEM: answered never comes */
int wire_call(struct wire *w, json_t *request, link_answer answered, void *arg);
/* without an answer; request is taken over */
void wire_send(struct wire *w, json_t *request);
