#include "fs/sidedoor_batch.h"
#include <stdlib.h>
#include <unistd.h>

static void item_done(struct later *l)
{
	free(l->o.path);
	free(l->new_path);
	if (l->fd >= 0)
		close(l->fd);
}

static void add(struct batch_of_events *b, struct later *l)
{
	size_t room = b->room ? b->room * 2 : 64;
	struct later *more = b->items;

	if (b->count == b->room)
		more = reallocarray(b->items, room, sizeof(*more));
	if (more && b->count == b->room)
		b->room = room;
	if (more)
		b->items = more;
	if (!more || !l->o.path || (l->kind == LATER_MOVE && !l->new_path)) {
		b->everything = true;
		item_done(l);
		return;
	}
	b->items[b->count++] = *l;
}

void batch_outside(struct batch_of_events *b, const struct outside *o)
{
	struct later l = { .kind = LATER_OUTSIDE, .o = *o, .fd = -1 };

	add(b, &l);
}

void batch_move(struct batch_of_events *b, char *old_path, char *new_path, int fd, pid_t pid)
{
	struct later l = { .kind = LATER_MOVE, .o = { .path = old_path, .pid = pid }, .new_path = new_path, .fd = fd };

	add(b, &l);
}

void batch_tell(struct batch_of_events *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct later *l = &b->items[i];

		if (l->kind == LATER_MOVE) {
			tell_move(l->o.path, l->new_path, l->o.pid, l->fd);
			l->fd = -1;
		} else {
			tell_outside(&l->o);
		}
		item_done(l);
	}
	if (b->everything)
		tell_everything();
	free(b->items);
	*b = (struct batch_of_events){ .count = 0 };
}
