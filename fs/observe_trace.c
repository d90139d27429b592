#include "fs/observe_trace.h"
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct trace *traces; /* by mark; with lock */
static size_t room;

/* NULL: no memory; then the reason told is less exact, nothing else. */
static struct trace *place(uint32_t mark, int64_t born_ns)
{
	if (mark >= room) {
		size_t size = room ? room : 256;
		struct trace *more;

		while (size <= mark)
			size *= 2;
		more = reallocarray(traces, size, sizeof(*traces));
		if (!more)
			return NULL;
		memset(more + room, 0, (size - room) * sizeof(*more));
		traces = more;
		room = size;
	}
	if (traces[mark].born_ns != born_ns)
		traces[mark] = (struct trace){ .born_ns = born_ns };
	return &traces[mark];
}

static void note_write(struct trace *t, const struct observe_op *op)
{
	/* pages written back come in any order */
	if (!t->rounds || (op->offset < t->next_offset && op->tid))
		t->rounds++;
	t->next_offset = op->offset + op->size;
	t->replaced |= !op->append;
}

static void note_truncate(struct trace *t, const struct observe_op *op)
{
	if (!t->rounds || op->size < t->next_offset)
		t->rounds++;
	t->next_offset = op->size;
	t->replaced = true;
}

static void note(struct trace *t, const struct observe_op *op, enum path_role role)
{
	switch (op->kind) {
	case OBSERVE_WRITE:
		note_write(t, op);
		break;
	case OBSERVE_TRUNCATE:
		note_truncate(t, op);
		break;
	case OBSERVE_CREATE:
	case OBSERVE_RENAME:
		t->rounds += role == PATH_MADE || role == PATH_TO;
		t->next_offset = 0;
		t->replaced = true;
		break;
	case OBSERVE_REMOVE:
	case OBSERVE_CONTENT:
		t->next_offset = 0;
		t->replaced = true;
		break;
	case OBSERVE_MODE:
	case OBSERVE_ATTR:
		break;
	}
}

void trace_note(uint32_t mark, int64_t born_ns, tick_t made, const struct observe_op *op, enum path_role role)
{
	struct trace *t;

	pthread_mutex_lock(&lock);
	t = place(mark, born_ns);
	if (t && made)
		t->tick = made;
	if (t)
		note(t, op, role);
	pthread_mutex_unlock(&lock);
}

struct trace trace_of(uint32_t mark, int64_t born_ns)
{
	struct trace t = { 0 };

	pthread_mutex_lock(&lock);
	if (mark < room && traces[mark].born_ns == born_ns)
		t = traces[mark];
	pthread_mutex_unlock(&lock);
	return t;
}

void trace_compared(uint32_t mark, int64_t born_ns, tick_t last)
{
	struct trace *t;

	pthread_mutex_lock(&lock);
	t = place(mark, born_ns);
	if (t)
		t->compared = last;
	pthread_mutex_unlock(&lock);
}

void trace_found(uint32_t mark, int64_t born_ns, tick_t move)
{
	struct trace *t;

	pthread_mutex_lock(&lock);
	t = place(mark, born_ns);
	if (t) {
		t->found = true;
		t->tick = move;
	}
	pthread_mutex_unlock(&lock);
}

void trace_leave_over(uint32_t mark, int64_t born_ns)
{
	struct trace *t;

	pthread_mutex_lock(&lock);
	t = place(mark, born_ns);
	if (t)
		t->left_over = true;
	pthread_mutex_unlock(&lock);
}

void trace_outside(uint32_t mark, int64_t born_ns, bool writing, bool closed)
{
	struct trace *t;

	pthread_mutex_lock(&lock);
	t = place(mark, born_ns);
	if (t) {
		t->rounds += !t->rounds;
		t->replaced = true;
		t->writing = writing || (t->writing && !closed);
	}
	pthread_mutex_unlock(&lock);
}
