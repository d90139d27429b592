#include "fs/sidedoor_find.h"
#include "fs/lower.h"
#include <errno.h>

#define TRIES 16

static mode_t type_of(const struct node *n)
{
	return n ? n->is.type : 0;
}

mode_t find_type(node_id id)
{
	mode_t type;

	pthread_mutex_lock(&table_lock);
	type = type_of(table_node(id));
	pthread_mutex_unlock(&table_lock);
	return type;
}

bool find_is_used(node_id id)
{
	const struct node *n;
	bool used;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	used = n && n->lookups;
	pthread_mutex_unlock(&table_lock);
	return used;
}

static uint32_t version_of(node_id dir)
{
	uint32_t version = 0;
	struct node *d;

	pthread_mutex_lock(&table_lock);
	d = table_node(dir);
	if (d)
		version = d->version;
	pthread_mutex_unlock(&table_lock);
	return version;
}

/* False: the directory's names have changed meanwhile, look again. */
static bool compare(struct found *f, const struct identity *is, uint32_t version)
{
	struct node *d, *n;
	bool current = true;

	pthread_mutex_lock(&table_lock);
	d = table_node(f->dir);
	if (d) {
		current = d->version == version;
		n = table_child(table_index(d), f->name);
		f->known = n ? table_id(n) : 0;
		f->was = type_of(n);
		f->elsewhere = n && n->names && table_name(n->names)->next_of_node;
		n = is ? table_by_identity(is) : NULL;
		f->there = n ? table_id(n) : 0;
	}
	pthread_mutex_unlock(&table_lock);
	return current;
}

void find(node_id dir, const char *name, struct found *out)
{
	bool current = false;

	for (int i = 0; i < TRIES && !current; i++) {
		uint32_t version = version_of(dir);
		struct identity is;
		struct dirfd *d = NULL;
		struct stat st;
		int r = dirs_get(dir, &d);

		*out = (struct found){ .dir = dir, .name = name };
		if (r == 0)
			r = lower_identify(d->fd, name, &is, &st);
		dirs_put(d);
		out->type = r == 0 ? is.type : 0;
		out->hidden = r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ESTALE;
		current = compare(out, r == 0 ? &is : NULL, version);
	}
}

void found_enter(const struct found *f)
{
	struct node *d, *now, *there;

	/* who has it open goes on by its name when it can be looked at again */
	if (f->hidden)
		return;
	pthread_mutex_lock(&table_lock);
	d = table_node(f->dir);
	now = d ? table_child(table_index(d), f->name) : NULL;
	/* unless somebody has looked it up meanwhile, and so knows better */
	if (d && (now ? table_id(now) : 0) == f->known && f->known != f->there) {
		there = f->there ? table_node(f->there) : NULL;
		table_names_changed(table_index(d));
		if (there)
			table_add_name(there, table_index(d), f->name);
		else
			table_drop_name(table_index(d), f->name);
	}
	pthread_mutex_unlock(&table_lock);
}
