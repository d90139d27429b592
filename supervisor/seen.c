#include "supervisor/seen.h"
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/base/strv.h"
#include "supervisor/readset.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CLOCK_STEP_NS 20000000 /* what was changed so lately may change once more without a new time */

struct seen seen_nothing(void)
{
	return (struct seen){ .state = state_unknown() };
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ns_of(&t);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* the names that count for whoever has listed it, in an order of their own */
static int hash_names(int root, const char *path, struct hash *out)
{
	int fd = openat(root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	DIR *d = file_list(fd);
	AUTO_STRV names = { 0 };
	AUTO_BUF text = { 0 };
	struct dirent *e;

	if (!d)
		return -errno;
	while (r == 0 && (errno = 0, e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !path_is_editor_temporary(e->d_name))
			r = strv_add(&names, e->d_name);
	}
	if (r == 0 && errno)
		r = -errno;
	closedir(d);
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), by_name);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = buf_put(&text, names.items[i], strlen(names.items[i]) + 1);
	if (r == 0)
		*out = hash_bytes(buf_str(&text), text.len);
	return r;
}

static int hash_content(int root, const char *path, struct hash *out)
{
	AUTO_FD fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : hash_file(fd, UINT64_MAX, 0, out);
}

static int hash_target(int root, const char *path, struct hash *out)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(root, path, target, sizeof(target));

	if (n < 0)
		return -errno;
	*out = hash_bytes(target, (size_t)n);
	return 0;
}

static bool has_content(const struct seen *s, unsigned how)
{
	switch (s->state.kind) {
	case STATE_FILE:
		return s->size <= SEEN_MAX_BYTES;
	case STATE_DIR:
		return how & READ_LISTED;
	default:
		return s->state.kind == STATE_SYMLINK;
	}
}

static bool same_stat(const struct seen *a, const struct seen *b)
{
	return a->inode && a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns;
}

static int hash_it(int root, const char *path, const struct seen *s, struct hash *out)
{
	if (s->state.kind == STATE_DIR)
		return hash_names(root, path, out);
	return s->state.kind == STATE_FILE ? hash_content(root, path, out) : hash_target(root, path, out);
}

void seen_look(int root, const char *path, unsigned how, const struct seen *before, struct seen *out)
{
	int64_t now = now_ns();
	struct hash content;
	struct stat st;

	*out = seen_nothing();
	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		if (errno == ENOENT || errno == ENOTDIR)
			out->state = state_absent();
		return;
	}
	*out = (struct seen){ .state = state_of_mode(st.st_mode),
			      .size = (uint64_t)st.st_size,
			      .inode = st.st_ino,
			      .mtime_ns = ns_of(&st.st_mtim),
			      .ctime_ns = ns_of(&st.st_ctim) };
	if (!has_content(out, how))
		return;
	if (before && same_stat(before, out) && before->state.hashed)
		content = before->state.content;
	else if (hash_it(root, path, out, &content) < 0) {
		*out = seen_nothing();
		return;
	} else if (out->ctime_ns + CLOCK_STEP_NS >= now)
		out->inode = 0;
	out->state = state_with_content(out->state, content);
}

bool seen_equal(const struct seen *a, const struct seen *b)
{
	bool is_file = a->state.kind == STATE_FILE;

	if (a->state.kind != b->state.kind)
		return false;
	if (a->state.kind == STATE_DIR && a->state.hashed && b->state.hashed)
		return hash_equal(&a->state.content, &b->state.content);
	if (is_file && !(a->state.hashed && b->state.hashed))
		return same_stat(a, b);
	return state_equal(&a->state, &b->state);
}
