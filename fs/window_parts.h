/* Between window.c, which keeps what is noted, and window_kernel.c, which knows what the kernel was told. Any thread. */
#pragma once
#include "core/base/buf.h"
#include "fs/node.h"
#include "fs/window.h"

/* what has to be noted for an answer to be kept: of a name that is there, and of one that is not */
#define IS_THERE (WINDOW_FOUND | WINDOW_MADE)
#define IS_ABSENT (IS_THERE | WINDOW_ABSENT)

/* Is what the kernel may know of the path to be seen, if this window's job asks for it? May be called with table_lock */
bool window_is_doubtful(pid_t job, const struct buf *path, unsigned settles);
/* the job has asked for it; may be called with table_lock */
void window_note(pid_t job, const struct buf *path, unsigned how);

/*
 * What was answered since (CLOCK_MONOTONIC, ms) and is doubtful for the window the kernel is to ask for again; returns when
 * it has been told. Not on a request thread
 */
void kernel_expire(pid_t job, int64_t since_ms);
/* The job gets into this directory: what the kernel knows there it will not ask for, so all of that counts as asked for. */
void kernel_enter(pid_t job, node_id top, int64_t since_ms);
/* Before anything is served: a worker before this one has answered who knows which listings. */
void kernel_inherit(void);
/* the node has been answered once, just now */
bool kernel_has_just_met(node_id id);
