/* Shared by requests*.c only. */
#pragma once
#include "core/base/buf.h"
#include "supervisor/engine.h"
#include "supervisor/link.h"
#include "supervisor/requests.h"
#include <stdbool.h>

#define REQUESTS_MAX 256 /* waiting ones and followed outputs together */

struct pending { /* a request that is not answered yet */
	struct pending *next;
	struct requests *requests;
	int64_t id;
	/* hrfs-wait */
	bool waits, settled, settling, cancelled;
	uint64_t works; /* engine_works() when the settle was asked for */
	int64_t limit_ms;
	char *clock; /* of the settle's answer */
	uv_timer_t *timer;
	/* hrfs-output with follow */
	struct output_watch *watch;
	/* hrfs-stop */
	bool stops;
};

struct requests {
	struct requests_options o;
	struct pending *pending;
	size_t count;
	json_t *early; /* [[id, command]] that came before requests_begin(); NULL: it has begun */
};

/* NULL: too many, answered already */
struct pending *pending_new(struct requests *r, int64_t id);
void pending_done(struct pending *p); /* answered or cancelled: forgotten */
void reply(struct requests *r, int64_t id, json_t *object);
void reply_error(struct requests *r, int64_t id, const char *text);

void wait_take(struct requests *r, int64_t id, const json_t *arguments);
/* answers those that need not wait any more */
void wait_look(struct requests *r);
void deps_take(struct requests *r, int64_t id, const json_t *arguments);
void why_take(struct requests *r, int64_t id, const json_t *arguments);
void output_take(struct requests *r, int64_t id, const json_t *arguments);
json_t *services_answer(struct requests *r);
