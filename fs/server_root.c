/* Roots: by text where that is enough; links are followed on the pool, never into a FUSE file system. */
#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include "core/resolve.h"
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>

struct search {
	struct work work;
	struct request *request;
	char *path;
	struct buf root;
	int result;
	void (*done)(struct request *r, int result);
};

/* r->root of an absolute path without links; -ENOENT */
static int take(struct request *r, const char *absolute)
{
	const char *mountpoint = server.o.mountpoint;
	size_t len = strlen(mountpoint);

	if (strcmp(absolute, mountpoint) != 0 && !path_is_below(absolute, mountpoint))
		return -ENOENT;
	r->root = strdup(absolute);
	if (!r->root)
		return -ENOMEM;
	r->path = r->root + len;
	r->path += strspn(r->path, "/");
	return 0;
}

/* The same mount by another way in: bound elsewhere. out: the path as below the mountpoint */
static int by_device(const char *path, struct buf *out)
{
	struct mountinfo_entry e;
	int r = mountinfo_of_path(path, &e);

	if (r < 0)
		return r;
	if (e.dev != server.device) {
		r = -ENOENT;
	} else {
		const char *rest = path + strlen(e.mountpoint);

		r = buf_printf(out, "%s%s%s", server.o.mountpoint, strcmp(e.root, "/") == 0 ? "" : e.root, rest);
	}
	mountinfo_entry_done(&e);
	return r;
}

static void search(struct work *w)
{
	struct search *s = (struct search *)w;
	AUTO_BUF real = { 0 };

	s->result = resolve_links(&real, s->path);
	if (s->result == 0)
		s->result = by_device(real.data, &s->root);
}

static void found(struct work *w)
{
	struct search *s = (struct search *)w;
	int r = s->result;

	if (r == 0)
		r = take(s->request, s->root.data);
	s->done(s->request, r);
	buf_done(&s->root);
	free(s->path);
	free(s);
}

void root_resolve(struct request *r, const char *path, void (*done)(struct request *r, int result))
{
	AUTO_BUF absolute = { 0 };
	struct search *s;
	int result = *path == '/' ? path_absolute(&absolute, "/", path) : -ENOENT;

	if (result == 0)
		result = take(r, absolute.data);
	/* others might name a path that makes us wait */
	if (result != -ENOENT || *path != '/' || !r->connection->trusted) {
		done(r, result);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s || !(s->path = strdup(absolute.data))) {
		free(s);
		done(r, -ENOMEM);
		return;
	}
	s->work.run = search;
	s->work.done = found;
	s->request = r;
	s->done = done;
	server_work(&s->work);
}
