/* Events were lost: name by name, what the mount believes is compared with what is there. */
#include "fs/dirs.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/sidedoor_find.h"
#include "fs/sidedoor_handle.h"
#include "fs/sidedoor_parts.h"
#include <string.h>

/* The first name of the node at this index, and its directory. false: it has none */
static bool first_name(uint32_t index, node_id *id, node_id *dir, char *name)
{
	struct node *n;
	bool named = false;

	pthread_mutex_lock(&table_lock);
	n = table_at(index);
	*id = n->used ? table_id(n) : 0;
	if (*id && n->names) {
		const struct name *c = table_name(n->names);

		memcpy(name, c->text, c->len + 1UL);
		*dir = table_id(table_at(c->dir));
		named = true;
	}
	pthread_mutex_unlock(&table_lock);
	return named;
}

static uint32_t next(uint32_t index)
{
	uint32_t n;

	pthread_mutex_lock(&table_lock);
	n = table_next(index);
	pthread_mutex_unlock(&table_lock);
	return n;
}

void handle_doubt(struct batch_of_events *b)
{
	char name[NAME_MAX + 1];
	node_id id, dir;

	for (uint32_t i = next(0); i; i = next(i)) {
		bool named = first_name(i, &id, &dir, name);
		struct found f;

		if (!id)
			continue;
		changed_outside(id);
		if (!named)
			continue;
		find(dir, name, &f);
		if (f.known == f.there)
			continue;
		notify_entry(dir, name);
		found_enter(&f);
	}
	b->everything = true;
}
