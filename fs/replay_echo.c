#include "fs/replay_echo.h"
#include "core/base/log.h"
#include "fs/lower.h"
#include "fs/replay_link.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define REFUSALS_A_MINUTE 10 /* that are logged */

/* ---- what is to be told ---- */

static void spot_done(struct spot *s)
{
	free(s->name);
	free(s->path);
	free(s->way);
}

static int spot_note(struct spot *s, node_id dir, const char *name)
{
	node_id way[ECHO_DEPTH_MAX];
	AUTO_BUF path = { 0 };
	int depth;

	s->dir = dir;
	s->name = strdup(name);
	if (!s->name || strlen(name) > NAME_MAX)
		return s->name ? -ENAMETOOLONG : -ENOMEM;
	if (!dir)
		return 0;
	depth = node_way(dir, &path, way, ECHO_DEPTH_MAX);
	if (depth < 0)
		return depth;
	if (path.len >= PATH_MAX)
		return -ENAMETOOLONG;
	s->path = strdup(buf_str(&path));
	s->way = malloc(depth ? (size_t)depth * sizeof(*way) : 1);
	if (!s->path || !s->way)
		return -ENOMEM;
	memcpy(s->way, way, (size_t)depth * sizeof(*way));
	s->depth = (uint32_t)depth;
	return 0;
}

/* Of one that stays where it is: by its name in the directory above it; the root has none. */
static int note_place(struct echo_item *item, const struct foreign_change *c)
{
	char name[NAME_MAX + 1] = ".";
	node_id dir = NODE_ROOT;
	int r = 0;

	if (c->dir)
		return spot_note(&item->from, c->dir, c->name);
	if (c->node != NODE_ROOT)
		r = node_place(c->node, 0, &dir, name);
	return r < 0 ? r : spot_note(&item->from, dir, name);
}

static int note(struct echo_item *item, const struct foreign_change *c)
{
	int r;

	if (!(c->what & FOREIGN_MOVE))
		return note_place(item, c);
	if (!c->dir && !c->new_dir)
		return -ENOENT;
	/* one that comes or goes has the same name where it is nowhere */
	r = spot_note(&item->from, c->dir, c->dir ? c->name : c->new_name);
	return r < 0 ? r : spot_note(&item->to, c->new_dir, c->new_dir ? c->new_name : c->name);
}

struct echo_item *echo_note(const struct foreign_change *c)
{
	struct echo_item *item = calloc(1, sizeof(*item));
	int r;

	if (!item)
		return NULL;
	item->what = c->what;
	item->type = c->type & S_IFMT;
	item->node = c->node;
	item->replaced = c->replaced;
	r = note(item, c);
	if (r < 0) {
		log_debug("event=not_echoed what=%#x error=\"%s\"", c->what, strerror(-r));
		echo_free(item);
		return NULL;
	}
	return item;
}

void echo_free(struct echo_item *item)
{
	spot_done(&item->from);
	spot_done(&item->to);
	free(item);
}

/* ---- how things are ---- */

static mode_t type_of(node_id id)
{
	struct node *n;
	mode_t type;

	pthread_mutex_lock(&table_lock);
	n = id ? table_node(id) : NULL;
	type = n ? n->is.type : 0;
	pthread_mutex_unlock(&table_lock);
	return type;
}

static bool is_there(node_id id)
{
	struct stat st;

	return id && node_stat(id, &st) == 0;
}

/* What the name leads to now, pinned: unpin() lets go of it. 0: nothing */
static node_id pin_at(const struct spot *s, mode_t *type)
{
	struct stat st;
	struct node *n;
	node_id id = 0;

	if (!s->dir || lower_look_up(s->dir, s->name, 0, &id, &st) < 0)
		return 0;
	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n) {
		table_local(table_index(n))->pins++;
		*type = n->is.type;
	}
	pthread_mutex_unlock(&table_lock);
	return n ? id : 0;
}

static void unpin(node_id id)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = id ? table_node(id) : NULL;
	if (n) {
		table_local(table_index(n))->pins--;
		table_collect(n);
	}
	pthread_mutex_unlock(&table_lock);
}

/* ---- telling it ---- */

static void spot_store(struct echo_spot *to, const struct spot *s)
{
	to->dir = s->dir;
	to->depth = s->depth;
	strcpy(to->name, s->name ? s->name : "");
	strcpy(to->path, s->path ? s->path : "");
	for (uint32_t i = 0; i < s->depth; i++)
		to->way[i] = s->way[i];
}

static void task_of(struct replay_task *t, const struct echo *e)
{
	t->act = e->act;
	t->change = e->change;
	t->type = e->type;
	t->device_minor = shared->config.device_minor;
	strcpy(t->token, shared->replay.token);
	t->from_nowhere = !e->from.dir;
	t->to_nowhere = !e->to.dir;
	strcpy(t->dir, e->from.path);
	strcpy(t->name, e->from.name);
	strcpy(t->new_dir, e->to.path);
	strcpy(t->new_name, e->to.name);
}

static void say_refused(const struct replay_task *t, int error)
{
	static int64_t minute, said;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec / 60 != minute) {
		minute = now.tv_sec / 60;
		said = 0;
	}
	if (said++ >= REFUSALS_A_MINUTE)
		return;
	log_info(
		"event=not_echoed path=\"%s%s%s\" error=\"%s\" meaning=\"who watches it inside by inotify is not woken\"",
		t->dir, *t->dir ? "/" : "", t->name, strerror(-error));
}

static void set_active(uint32_t active)
{
	__atomic_store_n(&shared_replay->active, active, __ATOMIC_SEQ_CST);
}

/* One operation of the helper, with what it is to find; once more when the helper dies at it. */
static int tell(const struct echo_item *item, const struct echo *what)
{
	static struct replay_task t;
	struct replay_result result;
	int r = 0;

	for (int i = 0; i < 2; i++) {
		r = helper_link_ready();
		if (r < 0)
			return r;
		shared_replay->echo = *what;
		spot_store(&shared_replay->echo.from, &item->from);
		spot_store(&shared_replay->echo.to, &item->to);
		task_of(&t, &shared_replay->echo);
		set_active(1);
		r = helper_link_do(&t, &result);
		set_active(0);
		if (r != -EPIPE)
			break;
	}
	if (r == 0 && result.error)
		r = result.error;
	if (r < 0 && r != -ECANCELED)
		say_refused(&t, r);
	else if (r == 0 && result.lesser)
		log_debug("event=echoed_less name=\"%s\" why=\"no right to write\"", t.name);
	return r;
}

/* ---- which operations ---- */

static int tell_made(const struct echo_item *item)
{
	struct echo e = { .act = REPLAY_MAKE, .type = item->type };
	mode_t now = 0;
	node_id id = pin_at(&item->from, &now);
	int r;

	if (!e.type)
		e.type = now ? now : S_IFREG;
	r = tell(item, &e);
	unpin(id);
	return r;
}

static int tell_changed(const struct echo_item *item)
{
	struct echo e = { .act = REPLAY_CHANGE, .type = item->type, .node = item->node };
	mode_t now = 0;
	node_id id = pin_at(&item->from, &now);
	int r = 0;

	e.change = (item->what & FOREIGN_MODIFY ? CHANGE_MODIFY : 0) | (item->what & FOREIGN_CLOSE ? CHANGE_CLOSE : 0) |
		   (item->what & FOREIGN_ATTRIB ? CHANGE_ATTRIB : 0);
	if (strcmp(item->from.name, ".") == 0)
		now = S_IFDIR;
	if (!now) /* gone, or elsewhere: only who knows it by its node can be told */
		now = type_of(item->node);
	if (!S_ISREG(now))
		e.change &= CHANGE_ATTRIB;
	if (now && e.change)
		r = tell(item, &e);
	unpin(id);
	return r;
}

/*
 * A directory that is alive somewhere would be dead for the kernel after an rmdir; of a file that nobody watches no
 * more is to be told than its name.
 */
static int tell_removed(const struct echo_item *item, bool (*watched)(node_id id))
{
	struct echo e = { .act = REPLAY_REMOVE, .type = type_of(item->node), .node = item->node };

	if (!e.type)
		e.type = item->type ? item->type : S_IFREG;
	if (S_ISDIR(e.type) ? is_there(e.node) : !watched(e.node))
		e.node = 0;
	return tell(item, &e);
}

/* Only what has really been replaced, and can have been. */
static node_id victim_of(const struct echo_item *item, mode_t type, bool (*watched)(node_id id))
{
	mode_t victim = type_of(item->replaced);

	if (!victim || S_ISDIR(victim) != S_ISDIR(type) || is_there(item->replaced))
		return 0;
	return S_ISDIR(victim) || watched(item->replaced) ? item->replaced : 0;
}

static int tell_moved(const struct echo_item *item, bool (*watched)(node_id id))
{
	struct echo e = { .act = REPLAY_MOVE, .node = item->node };
	mode_t now = 0;
	node_id id = pin_at(&item->to, &now);
	int r;

	if (!e.node || (e.node != id && !is_there(e.node) && !watched(e.node)))
		e.node = id;
	e.type = type_of(e.node);
	if (!e.type)
		e.type = item->type ? item->type : S_IFREG;
	if (item->replaced != e.node)
		e.replaced = victim_of(item, e.type, watched);
	r = tell(item, &e);
	unpin(id);
	return r;
}

static bool is_name_taken(const struct echo_item *item)
{
	struct identity is;
	struct dirfd *d;
	struct stat st;
	int r = dirs_get(item->from.dir, &d);

	if (r == 0) {
		r = lower_identify(d->fd, item->from.name, &is, &st);
		dirs_put(d);
	}
	return r == 0;
}

int echo_carry_out(const struct echo_item *item, bool (*watched)(node_id id))
{
	bool removed = item->what & FOREIGN_DELETE;
	bool made = item->what & FOREIGN_CREATE;
	/* which came first, when both did, what is there now tells */
	bool first = removed && made && is_name_taken(item);
	int r = 0;

	if (item->what & FOREIGN_MOVE)
		r = tell_moved(item, watched);
	if (first && r != -ECANCELED)
		r = tell_removed(item, watched);
	if (made && r != -ECANCELED)
		r = tell_made(item);
	if (item->what & (FOREIGN_MODIFY | FOREIGN_CLOSE | FOREIGN_ATTRIB) && r != -ECANCELED && !(removed && !first))
		r = tell_changed(item);
	if (removed && !first && r != -ECANCELED)
		r = tell_removed(item, watched);
	return r;
}
