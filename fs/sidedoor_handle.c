#include "fs/sidedoor_handle.h"
#include "core/journal_record.h"
#include "fs/dirs.h"
#include "fs/notify.h"
#include "fs/observe_reach.h"
#include "fs/ops.h"
#include "fs/replay.h"
#include "fs/sidedoor_adopt.h"
#include "fs/sidedoor_find.h"
#include "fs/sidedoor_mark.h"
#include "fs/sidedoor_parts.h"
#include "fs/sidedoor_watch.h"
#include <string.h>
#include <unistd.h>

#define NAMES (FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_RENAME)
#define CONTENT (FAN_MODIFY | FAN_CLOSE_WRITE)

struct handling {
	struct batch_of_events *b;
	const struct event *e;
	bool doubtful;
	struct found at, to; /* .name NULL: nobody looks there */
	tick_t at_since, to_since;
};

static char *path_of(node_id dir, const char *name)
{
	AUTO_BUF path = { 0 };

	return node_child_path(dir, name, &path) < 0 ? NULL : buf_take(&path);
}

/* ---- the kernel ---- */

static void notify_name(const struct found *f, bool moved)
{
	bool same = f->known && f->known == f->there;

	/* we may know it from elsewhere than a question of the kernel's, or from a worker that died before it told the kernel */
	if (same && !moved)
		return;
	if (!f->known && !moved)
		notify_arriving(f->dir, f->name);
	/*
	 * inval_entry would take mounts inside a directory and getcwd there with it; and a file that somebody has just
	 * looked up, with its mark.
	 */
	if (same || (!f->known && moved) || (S_ISDIR(f->was) && f->elsewhere))
		notify_expire(f->dir, f->name);
	else if (f->known)
		notify_entry(f->dir, f->name);
}

static void notify_found(const struct found *f, uint64_t mask)
{
	bool moved = mask & NAMES;

	if (f->known)
		changed_outside(f->known);
	if (f->there && f->there != f->known)
		changed_outside(f->there);
	notify_name(f, moved);
	/* times, link count, the listing: the kernel may be making its own at this moment, and holds no name of what is new to it */
	if (moved)
		notify_listing(f->dir);
}

/* ---- who else wants to hear ---- */

static uint32_t what_of(uint64_t mask)
{
	static const struct {
		uint64_t mask;
		uint32_t what;
	} table[] = {
		{ FAN_CREATE, FOREIGN_CREATE }, { FAN_DELETE, FOREIGN_DELETE },
		{ FAN_MODIFY, FOREIGN_MODIFY }, { FAN_CLOSE_WRITE, FOREIGN_CLOSE },
		{ FAN_ATTRIB, FOREIGN_ATTRIB }, { FAN_MOVED_FROM | FAN_MOVED_TO | FAN_RENAME, FOREIGN_MOVE },
	};
	uint32_t what = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		what |= mask & table[i].mask ? table[i].what : 0;
	return what;
}

static void tell_listener(const struct handling *h)
{
	const struct found *at = &h->at, *to = &h->to;
	mode_t type = to->name ? to->type : at->type;
	struct foreign_change c = { .what = what_of(h->e->mask) };

	if (!c.what)
		return;
	c.type = h->e->mask & FAN_ONDIR ? S_IFDIR : type;
	/* the older events of a move name one side each */
	if (at->name && (h->e->mask & (FAN_MOVED_TO | FAN_MOVED_FROM)) == FAN_MOVED_TO) {
		c.new_dir = at->dir;
		c.new_name = at->name;
		c.replaced = at->known;
	} else if (at->name) {
		c.dir = at->dir;
		c.name = at->name;
		c.node = at->known;
	}
	if (to->name) {
		c.new_dir = to->dir;
		c.new_name = to->name;
		c.replaced = to->known;
	}
	replay_change(&c);
}

/* A directory itself, or a file by a name that nobody looks at. */
static void tell_listener_itself(const struct handling *h, node_id node)
{
	struct foreign_change c = { .what = what_of(h->e->mask), .node = node, .type = find_type(node) };

	if (c.what)
		replay_change(&c);
}

/* ---- the journal ---- */

static unsigned touch_of(uint64_t mask)
{
	return (mask & CONTENT ? TOUCH_CONTENT : 0) | (mask & FAN_ATTRIB ? TOUCH_ATTR | TOUCH_MODE : 0) |
	       (mask & NAMES ? TOUCH_NAME : 0);
}

static struct outside outside_of(const struct handling *h, tick_t since)
{
	uint64_t mask = h->e->mask;

	return (struct outside){
		.touch = touch_of(mask),
		.writing = (mask & CONTENT) == FAN_MODIFY,
		.closed = mask & FAN_CLOSE_WRITE,
		.doubtful = h->doubtful,
		.since = since,
		.pid = h->e->pid,
	};
}

static void name_changed(const struct handling *h, const struct found *f, tick_t since)
{
	uint64_t mask = h->e->mask;
	struct outside o = outside_of(h, since);

	o.path = path_of(f->dir, f->name);
	if (!o.path)
		return; /* its directory has no name any more */
	if (S_ISDIR(f->was) && f->type && f->type == f->was && f->known == f->there && !(mask & NAMES))
		o.touch = TOUCH_ATTR;
	o.made = (mask & NAMES) == FAN_CREATE;
	o.was_dir = (mask & FAN_ONDIR) && !(mask & (FAN_CREATE | FAN_MOVED_TO)) && f == &h->at;
	batch_outside(h->b, &o);
}

struct telling_paths {
	const struct handling *h;
	tick_t since;
	const char *but; /* told already */
};

static int tell_path(const char *path, void *arg)
{
	const struct telling_paths *t = arg;
	struct outside o = outside_of(t->h, t->since);

	if (t->but && strcmp(path, t->but) == 0)
		return 0;
	if (t->h->e->mask & FAN_ONDIR)
		o.touch = TOUCH_ATTR;
	o.path = strdup(path);
	batch_outside(t->h->b, &o);
	return 0;
}

/* A file with several names has changed under all of them. */
static void other_names_changed(const struct handling *h, const struct found *f, tick_t since)
{
	AUTO_FREE char *path = path_of(f->dir, f->name);
	struct telling_paths t = { h, since, path };

	if (path && f->there && S_ISREG(f->type) && !(h->e->mask & NAMES))
		node_each_path(f->there, tell_path, &t);
}

static void gone(const struct handling *h, const struct found *f)
{
	if (!f->known || !S_ISDIR(f->was) || f->known == f->there || f->hidden)
		return;
	if (!f->elsewhere)
		adopt_drop(f->known);
	/* what was below it cannot be named any more; an emptied one has told all of it */
	if (h->e->mask & (FAN_MOVED_FROM | FAN_RENAME) && !f->elsewhere)
		h->b->everything = true;
}

static void arrived(const struct handling *h, const struct found *f)
{
	if (S_ISDIR(f->type) && f->known != f->there)
		adopt(h->b, f->dir, f->name, h->e->pid);
	else if (S_ISDIR(f->type) && !f->known && (h->e->mask & (FAN_CREATE | FAN_MOVED_TO | FAN_RENAME)))
		adopt(h->b, f->dir, f->name, h->e->pid);
}

/* ---- whose it was, where nobody tells ---- */

/* What it was found to be when it settled is no news; while it has not, the journal knows whether it is ours. */
static bool is_content_ours(const char *path)
{
	return tell_is_ours(path) || (!journal_mark_of(observe_journal(), path) && tell_is_known(path));
}

/*
 * What a request has under way, what the table has already of a name, and the journal of a content, was done by way of the
 * mount, as far as can be told. The journal is told all the same, in doubt: it compares.
 */
static bool looks_own(const struct handling *h, const struct found *f)
{
	AUTO_FREE char *path = sidedoor_guesses() ? path_of(f->dir, f->name) : NULL;

	if (!path)
		return false;
	if (h->e->mask & NAMES)
		return tell_is_ours(path) || (f->known == f->there && !f->known == !f->type);
	return f->known && f->known == f->there && S_ISREG(f->type) && is_content_ours(path);
}

static bool looks_own_itself(node_id node)
{
	AUTO_BUF path = { 0 };

	return sidedoor_guesses() && find_type(node) == S_IFREG && node_path(node, &path) == 0 &&
	       is_content_ours(buf_str(&path));
}

/* One that is being marked gets its key with the mark. */
static node_id watched(const struct hash *key, tick_t *since)
{
	node_id id = watch_find(key, since);

	if (id || !sidedoor_guesses())
		return id;
	marks_lock();
	id = watch_find(key, since);
	marks_unlock();
	return id;
}

/* ---- one event ---- */

static bool is_itself(const struct event_place *p)
{
	return !p->name || strcmp(p->name, ".") == 0;
}

static void itself(struct handling *h, node_id node, tick_t since)
{
	struct telling_paths t = { h, since, NULL };

	if (!looks_own_itself(node)) {
		changed_outside(node);
		tell_listener_itself(h, node);
	}
	if (h->e->mask & (FAN_ATTRIB | CONTENT))
		node_each_path(node, tell_path, &t);
}

static bool locate(const struct event_place *p, struct found *f, tick_t *since)
{
	node_id dir = p->there && !is_itself(p) ? watched(&p->key, since) : 0;

	*f = (struct found){ .name = NULL };
	if (dir)
		find(dir, p->name, f);
	return dir;
}

/* A directory that has moved within what is watched: all that is below keeps its ids. */
static bool dir_moved(struct handling *h)
{
	char *from, *to;

	if (!(h->e->mask & FAN_ONDIR) || !h->at.name || !h->to.name)
		return false;
	from = path_of(h->at.dir, h->at.name);
	to = path_of(h->to.dir, h->to.name);
	if (h->at.type || !from || !to) { /* another one is there again: an exchange, or a quick hand */
		h->b->everything = true;
		free(from);
		free(to);
		return false;
	}
	batch_move(h->b, from, to, reach(dirs_root(), to), h->e->pid);
	return true;
}

/* The new name first, so that the old one is known to live on. */
static void moved(struct handling *h)
{
	bool whole = dir_moved(h);

	if (h->to.name)
		notify_found(&h->to, FAN_RENAME);
	if (h->at.name) {
		h->at.elsewhere |= h->to.name && h->to.there == h->at.known;
		notify_found(&h->at, FAN_RENAME);
	}
	tell_listener(h);
	if (h->to.name && !whole)
		name_changed(h, &h->to, h->to_since);
	if (h->at.name && !whole)
		name_changed(h, &h->at, h->at_since);
	if (h->to.name)
		found_enter(&h->to);
	if (h->at.name)
		found_enter(&h->at);
	if (h->at.name && !whole)
		gone(h, &h->at);
	if (h->to.name && (!whole || !h->to.there))
		arrived(h, &h->to);
}

static void changed(struct handling *h)
{
	if (looks_own(h, &h->at)) {
		name_changed(h, &h->at, h->at_since);
		return;
	}
	notify_found(&h->at, h->e->mask);
	tell_listener(h);
	name_changed(h, &h->at, h->at_since);
	other_names_changed(h, &h->at, h->at_since);
	found_enter(&h->at);
	gone(h, &h->at);
	arrived(h, &h->at);
}

void handle_event(struct batch_of_events *b, const struct event *e, bool doubtful)
{
	struct handling h = { .b = b, .e = e, .doubtful = doubtful };
	bool to = locate(&e->to, &h.to, &h.to_since);
	bool at = locate(&e->at, &h.at, &h.at_since);
	tick_t since = 0;
	node_id node;

	if (e->mask & FAN_RENAME) {
		if (to || at)
			moved(&h);
		return;
	}
	if (at) {
		changed(&h);
		return;
	}
	/* the directory itself; or a marked file, by a name in a directory that nobody looks at */
	node = e->at.there && is_itself(&e->at) ? watched(&e->at.key, &since) : 0;
	if (!node && e->object.there)
		node = watched(&e->object.key, &since);
	if (node)
		itself(&h, node, since);
}
