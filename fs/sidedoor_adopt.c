#include "fs/sidedoor_adopt.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/journal_record.h"
#include "fs/lower.h"
#include "fs/sidedoor_watch.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NAMES_MOST \
	20000 /* of one that came; beyond that everything counts as changed, and what is deeper is not watched */

/* so many adopted, and what only clients of the socket list is not watched: each takes 1.25 KB of the kernel's memory */
#define LISTED_MOST 50000

static _Atomic size_t adopted;

struct todo {
	node_id *dirs;
	size_t count, room, names;
};

static void pin(node_id id, int by)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n) {
		table_local(table_index(n))->pins += (unsigned)by;
		table_collect(n);
	}
	pthread_mutex_unlock(&table_lock);
}

static int push(struct todo *t, node_id dir)
{
	size_t room = t->room ? t->room * 2 : 16;
	node_id *more;

	if (t->count == t->room) {
		more = reallocarray(t->dirs, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		t->dirs = more;
		t->room = room;
	}
	t->dirs[t->count++] = dir;
	return 0;
}

/* Its node, watched, and kept until it is gone; 0: it could not be had. */
static node_id take(node_id dir, const char *name)
{
	struct stat st;
	node_id id = 0;

	if (lower_look_up(dir, name, 0, &id, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (watch_set(id, WATCH_ADOPTED)) {
		pin(id, 1);
		adopted++;
	}
	return watch_has(id) ? id : 0;
}

/* The same, where the one who asks has just asked for what is above it. */
static node_id take_listed(node_id dir, const char *name)
{
	node_id id = node_child(dir, name);

	if (id && watch_is(id, WATCH_ADOPTED))
		return id;
	return adopted < LISTED_MOST ? take(dir, name) : 0;
}

static void enter(struct batch_of_events *b, struct todo *t, node_id dir, const struct dirent *e, pid_t pid)
{
	AUTO_BUF path = { 0 };
	struct outside o = { .touch = TOUCH_NAME | TOUCH_CONTENT, .made = true, .pid = pid };
	node_id below;

	if (node_child_path(dir, e->d_name, &path) < 0)
		return;
	o.path = buf_take(&path);
	batch_outside(b, &o);
	t->names++;
	if (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN)
		return;
	below = take(dir, e->d_name);
	if (below && push(t, below) < 0)
		b->everything = true;
}

static void list(struct batch_of_events *b, struct todo *t, node_id dir, pid_t pid)
{
	int fd = node_open(dir, O_RDONLY | O_DIRECTORY);
	DIR *d = file_list(fd);
	struct dirent *e;

	if (!d)
		return;
	while (t->names < NAMES_MOST && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			enter(b, t, dir, e, pid);
	}
	closedir(d);
}

void adopt(struct batch_of_events *b, node_id dir, const char *name, pid_t pid)
{
	struct todo t = { .count = 0 };
	node_id id = take(dir, name);

	if (id && push(&t, id) < 0)
		b->everything = true;
	for (size_t i = 0; i < t.count && t.names < NAMES_MOST; i++)
		list(b, &t, t.dirs[i], pid);
	if (t.names >= NAMES_MOST) {
		log_info("event=sidedoor_large directory=\"%s\" names=%zu", name, t.names);
		b->everything = true;
	}
	free(t.dirs);
}

void adopt_drop(node_id dir)
{
	if (!watch_is(dir, WATCH_ADOPTED))
		return;
	watch_clear(dir, WATCH_ADOPTED);
	adopted--;
	pin(dir, -1); /* the kernel may know it: whoever stands in it goes on there, so it stays watched until it is forgotten */
}

static void drop_lost(node_id id)
{
	AUTO_BUF path = { 0 };

	if (node_path(id, &path) == -ENOENT)
		adopt_drop(id);
}

void adopt_drop_lost(void)
{
	watch_each_adopted(drop_lost);
}

bool adopt_path(const char *path)
{
	node_id id = NODE_ROOT;

	while (id && *path) {
		char name[NAME_MAX + 1];
		size_t len = strcspn(path, "/");

		if (len > NAME_MAX)
			return false;
		memcpy(name, path, len);
		name[len] = '\0';
		path += len + (path[len] == '/');
		id = take_listed(id, name);
	}
	return id && watch_is(id, WATCH_SURE);
}

static void pin_again(node_id id)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n)
		table_local(table_index(n))->pins++;
	pthread_mutex_unlock(&table_lock);
	adopted++;
}

void adopt_again(void)
{
	watch_each_adopted(pin_again);
}

size_t adopt_count(void)
{
	return adopted;
}
