/* A service as others see it. On the loop's thread. */
#pragma once
#include "core/base/buf.h"
#include "core/json.h"
#include "supervisor/timeline.h"
#include <stdbool.h>

struct engine;
struct service;

const char *view_name(const struct service *s);
/* in the state that was wanted: ready, or finished well */
bool view_is_ok(const struct service *s);
/* "serving the code of 14:02; build failed: main.c:3: …" */
void view_summary(const struct service *s, struct buf *out);
/* SERVICE and RELOAD of docs/architecture.md; NULL: no memory */
/* what this job of the service has read; NULL: it has no such job */
const struct plan_reads *view_reads(const struct service *s, enum plan_stage stage);
/* "read by api/build, looked at by api/run": appended; nothing when nobody has */
void view_readers(const struct service *s, const char *path, struct buf *out);
/* "../lib (go.mod)": of those directories outside of the tree in which any change counts, number i */
void view_outside_name(const struct engine *e, size_t i, struct buf *out);
/* all of them, a line each */
void view_outside(const struct service *s, struct buf *out);
json_t *view_service(const struct service *s);
json_t *view_reload(const struct reload *r);
json_t *view_state(const struct state *s);
