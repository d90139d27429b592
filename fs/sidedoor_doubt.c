/*
 * Events were lost, or marks have ended: everything that the kernel may believe is compared with what is there. What it
 * knows is in the table; of what it believes not to be there nothing is noted, so each directory is listed, and whatever
 * is there and not in the table is told.
 */
#include "fs/dirs.h"
#include "fs/follow.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/sidedoor.h"
#include "fs/sidedoor_find.h"
#include "fs/sidedoor_handle.h"
#include "fs/sidedoor_parts.h"
#include "fs/sidedoor_watch.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE 4096 /* notices that wait */

static bool again; /* a worker that died may have noted what it had not told the kernel yet */

/* Nobody tells of what is in it any more, and nothing is noted of what is believed not to be there. */
static bool has_lost_its_mark(const struct found *f)
{
	return S_ISDIR(f->was) && watch_has(f->known) && !watch_is(f->known, WATCH_MARKED);
}

static void compare(node_id dir, const char *name)
{
	struct found f;
	bool same;

	find(dir, name, &f);
	same = f.known == f.there && find_is_used(f.known);
	if (same && !again && !has_lost_its_mark(&f))
		return; /* or the kernel does not have it, and may believe that there is nothing */
	if ((same || (S_ISDIR(f.was) && f.elsewhere)) && !has_lost_its_mark(&f))
		notify_expire(dir, name);
	else
		notify_entry(dir, name);
	found_enter(&f);
}

static node_id next(uint32_t *index)
{
	node_id id = 0;

	pthread_mutex_lock(&table_lock);
	*index = table_next(*index);
	if (*index)
		id = table_id(table_at(*index));
	pthread_mutex_unlock(&table_lock);
	return id;
}

static void each(void (*fn)(node_id id))
{
	uint32_t index = 0;
	unsigned count = 0;
	node_id id;

	while ((id = next(&index))) {
		fn(id);
		if (++count % AT_ONCE == 0)
			notify_flush();
	}
}

static void compare_names(node_id id)
{
	char name[NAME_MAX + 1];
	node_id dir;

	for (unsigned i = 0; node_place(id, i, &dir, name) == 0; i++)
		compare(dir, name);
}

static void compare_listing(node_id id)
{
	int fd = find_type(id) == S_IFDIR ? node_open(id, O_RDONLY | O_DIRECTORY) : -1;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned count = 0;
	struct dirent *e;

	if (fd >= 0 && !d)
		close(fd);
	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		compare(id, e->d_name);
		if (++count % AT_ONCE == 0)
			notify_flush();
	}
	if (d)
		closedir(d);
}

static void watch_again(node_id id)
{
	if (watch_has(id))
		sidedoor_watch_again(id);
}

static void drop(node_id id)
{
	changed_outside(id);
	if (find_type(id) == S_IFDIR)
		notify_listing(id);
}

/* The marks first: what changes behind this is told again. Names before what they lead to, for who is being answered. */
void handle_doubt(struct batch_of_events *b)
{
	follow_source();
	again = shared->generation > 1;
	each(watch_again);
	each(compare_names);
	each(compare_listing);
	each(drop);
	b->everything = true;
}
