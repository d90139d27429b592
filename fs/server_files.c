/* From changes and found files to what an answer says of them. */
#include "core/base/path.h"
#include "fs/server_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* ---- what the query asks more of ---- */

static int full_path(const struct files *f, const char *name, struct buf *out)
{
	return path_join(out, f->root, name);
}

static int stat_name(struct files *f, const char *name)
{
	AUTO_BUF path = { 0 };
	int r;

	if (f->walk_fd >= 0) /* the name is in the directory that is being listed */
		return fstatat(f->walk_fd, path_base(name), &f->st, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
	r = full_path(f, name, &path);
	return r < 0 ? r : lower_view_stat(&f->view, buf_str(&path), &f->st);
}

static void ask_stat(struct query_file *file, void *arg)
{
	struct files *f = arg;

	if (stat_name(f, file->name) < 0) {
		file->exists = false;
		return;
	}
	file->st = &f->st;
	file->exists = true;
	file->kind = (enum state_kind)state_of_mode(f->st.st_mode).kind;
}

static char *ask_target(struct query_file *file, void *arg)
{
	struct files *f = arg;
	AUTO_BUF path = { 0 };

	return full_path(f, file->name, &path) < 0 ? NULL : lower_view_target(&f->view, buf_str(&path));
}

static bool is_of_this_journal(const struct clock *c)
{
	return clock_same_journal(c, &server.clock);
}

static bool ask_changed(struct query_file *file, const struct query_since *since, void *arg)
{
	struct files *f = arg;
	AUTO_BUF path = { 0 };
	bool touched;

	if (since->kind == QUERY_TIME) {
		ask_stat(file, arg);
		return file->st && file->st->st_ctime >= since->time;
	}
	if (since->kind != QUERY_CLOCK || !is_of_this_journal(&since->clock) ||
	    since->clock.tick < journal_oldest(server.o.journal))
		return file->exists;
	if (full_path(f, file->name, &path) < 0)
		return true;
	journal_state_at(server.o.journal, buf_str(&path), since->clock.tick, &touched);
	return touched;
}

void files_list_init(struct files *f, const struct query *q, const char *root)
{
	*f = (struct files){ .query = q, .root = root, .walk_fd = -1 };
	lower_view_init(&f->view);
	f->source = (struct query_source){
		.stat = ask_stat,
		.changed_since = ask_changed,
		.link_target = ask_target,
		.clock = &server.clock,
		.arg = f,
	};
}

void files_list_done(struct files *f)
{
	lower_view_done(&f->view);
}

/* ---- one file ---- */

const char *files_list_name(const struct files *f, const char *path)
{
	size_t len = strlen(f->root);

	if (!path_is_below(path, f->root))
		return NULL;
	return path + (len ? len + 1 : 0);
}

static int put(struct files *f, struct query_file *file, struct buf *out)
{
	size_t len = out->len;
	int r;

	if (f->generate && !query_generates(f->query, file, &f->source))
		return 0;
	if (!query_matches(f->query, file, &f->source))
		return 0;
	r = query_put_file(f->query, file, &f->source, out);
	if (r == 0)
		return 1;
	buf_truncate(out, len);
	return r;
}

int files_list_put_change(struct files *f, const struct change *c, struct buf *out)
{
	const char *name = files_list_name(f, c->path);
	struct query_file file = {
		.name = name,
		.kind = (enum state_kind)(c->after.kind == STATE_ABSENT ? c->before.kind : c->after.kind),
		.exists = c->after.kind != STATE_ABSENT,
		.is_new = c->before.kind == STATE_ABSENT && c->after.kind != STATE_ABSENT,
		.tick = c->tick,
	};

	if (!name)
		return 0;
	/* gone, and nobody knows what it was: it is still known that it is gone */
	if (file.kind == STATE_UNKNOWN && c->after.kind == STATE_ABSENT)
		file.kind = STATE_FILE;
	if (file.kind == STATE_ABSENT)
		file.kind = STATE_FILE;
	return put(f, &file, out);
}

int files_list_put_found(struct files *f, const char *path, enum state_kind kind, struct buf *out)
{
	struct query_file file = { .name = files_list_name(f, path), .kind = kind, .exists = true, .is_new = f->fresh };

	return file.name ? put(f, &file, out) : 0;
}
