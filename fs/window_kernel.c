/* What the kernel may know, by the node table, and what of that concerns a window. */
#include "core/base/buf.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/table.h"
#include "fs/window.h"
#include "fs/window_negative.h"
#include "fs/window_parts.h"

#define AT_ONCE 1000 /* nodes that are looked at under one lock */

void kernel_inherit(void)
{
	pthread_mutex_lock(&table_lock);
	for (uint32_t i = 0; (i = table_next(i));)
		table_local(i)->listed = S_ISDIR(table_at(i)->is.type);
	if (table_at(NODE_ROOT)->children)
		notify_root_known();
	pthread_mutex_unlock(&table_lock);
}

/* ---- what it knew before a window ---- */

/* with table_lock */
static int path_of_name(const struct name *name, struct buf *out)
{
	int r = table_path(table_at(name->dir), out);

	if (r == 0 && out->len)
		r = buf_putc(out, '/');
	return r < 0 ? r : buf_puts(out, name->text);
}

static bool is_doubtful_name(pid_t job, const struct name *name, struct buf *path)
{
	return path_of_name(name, path) < 0 || window_is_doubtful(job, path, IS_THERE);
}

static bool is_doubtful_listing(pid_t job, const struct node *n, struct buf *path)
{
	return table_path(n, path) < 0 || window_is_doubtful(job, path, WINDOW_LISTED);
}

static void expire_names(pid_t job, const struct node *n, struct buf *path)
{
	for (uint32_t r = n->names; r; r = table_name(r)->next_of_node)
		if (is_doubtful_name(job, table_name(r), path))
			notify_expire(table_id(table_at(table_name(r)->dir)), table_name(r)->text);
}

/* from this index on; the next one, 0 at the end */
static uint32_t expire_some(pid_t job, uint32_t after, int64_t since_ms)
{
	AUTO_BUF path = { 0 };

	pthread_mutex_lock(&table_lock);
	for (int i = 0; i < AT_ONCE && (after = table_next(after)); i++) {
		struct local *l = table_local(after);
		struct node *n = table_at(after);

		if (l->answered_ms >= since_ms)
			expire_names(job, n, &path);
		if (l->listed && is_doubtful_listing(job, n, &path)) {
			notify_invalidate(table_id(n));
			l->listed = false;
		}
	}
	pthread_mutex_unlock(&table_lock);
	return after;
}

static bool expire_absent(node_id dir, const char *name, void *arg)
{
	AUTO_BUF path = { 0 };
	pid_t job = *(pid_t *)arg;

	if (node_child_path(dir, name, &path) == 0 && !window_is_doubtful(job, &path, IS_ABSENT))
		return false;
	notify_expire(dir, name);
	return true;
}

void kernel_expire(pid_t job, int64_t since_ms)
{
	uint32_t at = 0;

	do
		at = expire_some(job, at, since_ms);
	while (at);
	negative_each(expire_absent, &job);
	notify_flush();
}

/* ---- where a job has not been before ---- */

struct entering {
	pid_t job;
	node_id top;
	int64_t since_ms;
};

/* with table_lock: is this directory the one, or below it? */
static bool is_below(uint32_t dir, node_id top)
{
	for (;;) {
		const struct node *n = table_at(dir);

		if (table_id(n) == top)
			return true;
		if (!n->names)
			return false;
		dir = table_name(n->names)->dir;
	}
}

/* with table_lock */
static void enter_node(const struct entering *e, uint32_t index)
{
	AUTO_BUF path = { 0 };
	const struct node *n = table_at(index);
	const struct local *l = table_local(index);

	for (uint32_t r = n->names; r; r = table_name(r)->next_of_node)
		if (l->answered_ms >= e->since_ms && is_below(table_name(r)->dir, e->top) &&
		    path_of_name(table_name(r), &path) == 0)
			window_note(e->job, &path, WINDOW_FOUND);
	if (l->listed && is_below(index, e->top) && table_path(n, &path) == 0)
		window_note(e->job, &path, WINDOW_LISTED);
}

static bool enter_absent(node_id dir, const char *name, void *arg)
{
	const struct entering *e = arg;
	AUTO_BUF path = { 0 };
	const struct node *n;
	bool below;

	pthread_mutex_lock(&table_lock);
	n = table_node(dir);
	below = n && is_below(table_index(n), e->top);
	pthread_mutex_unlock(&table_lock);
	if (below && node_child_path(dir, name, &path) == 0)
		window_note(e->job, &path, WINDOW_ABSENT);
	return false;
}

bool kernel_has_just_met(node_id id)
{
	const struct node *n;
	bool is_new;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	is_new = !n || n->lookups <= 1;
	pthread_mutex_unlock(&table_lock);
	return is_new;
}

void kernel_enter(pid_t job, node_id top, int64_t since_ms)
{
	struct entering e = { job, top, since_ms };
	uint32_t at = 0;

	do {
		pthread_mutex_lock(&table_lock);
		for (int i = 0; i < AT_ONCE && (at = table_next(at)); i++)
			enter_node(&e, at);
		pthread_mutex_unlock(&table_lock);
	} while (at);
	negative_each(enter_absent, &e);
}
