/*
 * All files below a directory of the lower. No recursion and one open directory at a time: what is
 * kept are the names of directories that are still to be looked into.
 */
#include "core/base/path.h"
#include "core/base/strv.h"
#include "fs/server_parts.h"
#include "fs/sidedoor.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define WAITING_MAX (256UL * 1024 * 1024) /* bytes of names */

struct todo {
	struct strv dirs; /* used as a stack */
	size_t bytes;
};

static int push(struct todo *t, const char *path)
{
	t->bytes += strlen(path) + 1;
	return t->bytes > WAITING_MAX ? -ENOBUFS : strv_add(&t->dirs, path);
}

static char *pop(struct todo *t)
{
	char *path;

	if (t->dirs.count == 0)
		return NULL;
	path = t->dirs.items[--t->dirs.count];
	t->dirs.items[t->dirs.count] = NULL;
	t->bytes -= strlen(path) + 1;
	return path;
}

static enum state_kind kind_of(int dir_fd, const struct dirent *e)
{
	struct stat st;

	switch (e->d_type) {
	case DT_REG:
		return STATE_FILE;
	case DT_DIR:
		return STATE_DIR;
	case DT_LNK:
		return STATE_SYMLINK;
	case DT_UNKNOWN:
		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			return STATE_ABSENT;
		return (enum state_kind)state_of_mode(st.st_mode).kind;
	default:
		return STATE_OTHER;
	}
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int visit(struct walk *w, struct todo *t, const char *dir, const struct dirent *e)
{
	enum state_kind kind = kind_of(w->dir_fd, e);
	AUTO_BUF path = { 0 };
	int r;

	if (kind == STATE_ABSENT)
		return 0; /* gone since it was listed */
	r = path_join(&path, dir, e->d_name);
	if (r == 0)
		r = w->found(w, path.data, kind, w->arg);
	if (r < 0 || kind != STATE_DIR)
		return r;
	if (!w->enter || w->enter(path.data, w->arg))
		r = push(t, path.data);
	else
		w->partly = true;
	return r;
}

static int list(struct walk *w, struct todo *t, const char *dir, DIR *stream)
{
	const struct dirent *e;
	int r = 0;

	w->dir_fd = dirfd(stream);
	while (r == 0 && (e = readdir(stream))) {
		if (atomic_load_explicit(w->cancelled, memory_order_relaxed))
			return -ECANCELED;
		if (!is_dots(e->d_name))
			r = visit(w, t, dir, e);
	}
	return r;
}

static DIR *open_stream(struct lower_view *v, const char *dir)
{
	AUTO_BUF inside = { 0 };
	struct stat st;
	int fd;

	/* a view stands in the directory of a path: of "dir/." that is dir */
	if (path_join(&inside, dir, ".") < 0 || lower_view_stat(v, inside.data, &st) < 0)
		return NULL;
	fd = openat(v->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? NULL : fdopendir(fd);
}

int walk_tree(struct walk *w)
{
	struct todo todo = { 0 };
	struct lower_view view;
	int r = push(&todo, w->start);

	lower_view_init(&view);
	while (r == 0 && todo.dirs.count) {
		AUTO_FREE char *dir = pop(&todo);
		bool watched = sidedoor_listed(dir);
		DIR *stream = open_stream(&view, dir);

		if (!stream && strcmp(dir, w->start) == 0 && errno != ENOENT && errno != ENOTDIR)
			r = -errno;
		w->partly |= !watched || !stream;
		if (!stream)
			continue; /* gone, or not to be read: what is in it can't be told */
		r = list(w, &todo, dir, stream);
		closedir(stream);
	}
	lower_view_done(&view);
	strv_done(&todo.dirs);
	return r;
}
